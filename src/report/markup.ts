/** Text as it may stand in XML and HTML, between elements and in attributes. XML 1.0 has no place for most control characters, not even escaped. */
export const escaped = (text: string): string => [...text].map((char) => ESCAPES[char] ?? (isXml(char.codePointAt(0) ?? 0) ? char : '\uFFFD')).join('')

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' }
const isXml = (code: number): boolean =>
  code === 9 || code === 10 || code === 13 || (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000
