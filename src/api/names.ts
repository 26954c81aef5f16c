/** The forms of names Kubernetes knows; each function answers what is wrong, or nothing. */

const LABEL_MAX = 63
const SUBDOMAIN_MAX = 253
const PORT_NAME_MAX = 15

type Complaint = string | undefined
export type NameRule = (text: string) => Complaint

/** RFC 1123 label: namespaces, containers, volumes, host names. */
export const dnsLabel: NameRule = (text) =>
  form(text, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, LABEL_MAX, 'lower-case letters, digits and "-", with a letter or digit at both ends')

/** RFC 1035 label: Services, whose names become DNS names of hosts. */
export const dns1035Label: NameRule = (text) =>
  form(text, /^[a-z]([-a-z0-9]*[a-z0-9])?$/, LABEL_MAX, 'lower-case letters, digits and "-", beginning with a letter, ending with a letter or digit')

/** RFC 1123 subdomain: most objects. */
export const dnsSubdomain: NameRule = (text) =>
  form(
    text,
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    SUBDOMAIN_MAX,
    'lower-case letters, digits, "-" and ".", with a letter or digit at both ends of each part',
  )

/** IANA service name: ports of containers and the targetPort that names them. */
export const portName: NameRule = (text) =>
  form(
    text,
    /^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    PORT_NAME_MAX,
    'lower-case letters (at least one), digits and single "-", with a letter or digit at both ends',
  )

/** Label and annotation keys: an optional DNS prefix, a slash, a name. */
export const qualifiedName: NameRule = (text) => {
  const [name = '', prefix, ...rest] = text.split('/').reverse()
  if (rest.length > 0) return `"${text}" has more than one "/"; a key is "name" or "prefix/name"`
  const wrongPrefix = prefix === undefined ? undefined : prefix === '' ? `"${text}" has nothing before the "/"` : dnsSubdomain(prefix)
  return wrongPrefix ?? form(name, NAME_PART, LABEL_MAX, 'letters, digits, "-", "_" and ".", with a letter or digit at both ends')
}

export const labelValue: NameRule = (text) =>
  text === '' ? undefined : form(text, NAME_PART, LABEL_MAX, 'letters, digits, "-", "_" and ".", with a letter or digit at both ends')

export const envName: NameRule = (text) =>
  form(text, /^[-._a-zA-Z][-._a-zA-Z0-9]*$/, Number.POSITIVE_INFINITY, 'letters, digits, "-", "_" and ".", not beginning with a digit')

export const configMapKey: NameRule = (text) =>
  text === '.' || text === '..' ? `"${text}" cannot be a file name` : form(text, /^[-._a-zA-Z0-9]+$/, SUBDOMAIN_MAX, 'letters, digits, "-", "_" and "."')

const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/

function form(text: string, pattern: RegExp, longest: number, allowed: string): Complaint {
  if (text === '') return `must not be empty: ${allowed}`
  if (text.length > longest) return `"${text}" has ${text.length} characters; at most ${longest} are allowed`
  return pattern.test(text) ? undefined : `"${text}" is not allowed here: ${allowed}`
}
