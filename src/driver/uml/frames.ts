/** What goes along the wire of a guest: images/guest/netlab-guest tells of the letters. */

export type Frame = { readonly kind: string; readonly body: Buffer }

/** A letter, the length in four bytes, so many bytes. */
const HEAD = 5

export function frame(kind: string, text: string | Buffer = ''): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(HEAD)
  head.write(kind, 'latin1')
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

/** All that starts a program: words end with NUL, for none can hold one. */
export const beginning = (argv: readonly string[], env: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat([
    frame('a', argv.map((word) => `${word}\0`).join('')),
    frame(
      'e',
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}\0`)
        .join(''),
    ),
  ])

/** Gives every whole frame of a stream that comes in pieces. */
export function framesOf(heard: (frame: Frame) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= HEAD && rest.length >= HEAD + rest.readUInt32BE(1)) {
      const end = HEAD + rest.readUInt32BE(1)
      heard({ kind: rest.toString('latin1', 0, 1), body: rest.subarray(HEAD, end) })
      rest = rest.subarray(end)
    }
  }
}
