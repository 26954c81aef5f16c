/** What a seed makes of a lab's params, for the files that are not read with lab.yaml. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { filled, paramsIn, type Values } from '#lab/params.ts'
import { readYaml } from '#lab/yaml.ts'
import { checkFile, type LabPlace, readCapped } from './labs.ts'

export const labParams = ({ file, shown }: Pick<LabPlace, 'file' | 'shown'>, seed: string): Values =>
  paramsIn(readYaml(shown, readCapped(file)).documents[0]?.value, seed).values

/** The lab's own probes, as its variant has them. */
export function checksIn(dir: string, cwd: string, seed = ''): ReturnType<typeof checkFile> {
  const check = checkFile(dir, cwd)
  const file = join(dir, 'lab.yaml')
  // A lab's file may be called otherwise, or be gone since the lab came up.
  return check === undefined || !existsSync(file) ? check : { ...check, text: String(filled(check.text, labParams({ file, shown: 'lab.yaml' }, seed))) }
}
