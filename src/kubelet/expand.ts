/** Replaces `$(NAME)` by the variable's value; `$$` is a plain dollar, and what names no variable stays as it is written. */
export const expand = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name?: string) => (name === undefined ? '$' : Object.hasOwn(env, name) ? (env[name] ?? whole) : whole))
