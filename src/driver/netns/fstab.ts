/** A path as mount(8) reads it from a table. */
export const fstabText = (path: string): string => path.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\t', '\\011').replaceAll('\n', '\\012')
