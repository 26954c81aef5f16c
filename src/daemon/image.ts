/** The image of nodes as this netlab would make it: its name can be told without asking Docker. */
import { imageName, type NodeImage } from '#driver/docker/image.ts'
import { broughtPrograms } from './programs.ts'

type Env = Readonly<Record<string, string | undefined>>

export const nodeImageOf = (home: string, env: Env): NodeImage => ({ home, programs: broughtPrograms(home, env) })

export const nodeImageName = (home: string, env: Env): string => imageName(nodeImageOf(home, env))
