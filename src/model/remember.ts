/** What functions of their arguments remember, so that a change costs what it changes: nothing changes in place, so the very same things give the same. */

/** Remembers what `make` said of an object for as long as that object lives. */
export function remembered<K extends object, V>(make: (of: K) => V): (of: K) => V {
  const known = new WeakMap<K, V>()
  return (of) => {
    const before = known.get(of)
    if (before !== undefined) return before
    const made = make(of)
    known.set(of, made)
    return made
  }
}

/** What was made of an object the last time, as long as all that it follows from `beside` is the very same too. */
export function lastOf<K extends object, V>(): (of: K, beside: readonly unknown[], make: () => V) => V {
  const known = new WeakMap<K, { readonly beside: readonly unknown[]; readonly made: V }>()
  return (of, beside, make) => {
    const before = known.get(of)
    if (before !== undefined && sameItems(before.beside, beside)) return before.made
    const made = make()
    known.set(of, { beside, made })
    return made
  }
}

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at += 1) if (a[at] !== b[at]) return false
  return true
}
