/** The YAML printer, apart, so that it loads only for `-o yaml`. */
import { stringify } from 'yaml'

/** As kubectl writes it: YAML 1.1, whose readers take `yes` and times for something else than text, and lists not indented. */
export const yamlText = (value: unknown): string => stringify(value, { version: '1.1', indentSeq: false, lineWidth: 0 })
