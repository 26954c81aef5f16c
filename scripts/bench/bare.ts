/** The cluster of the scale figures: Pods that run nothing, spread evenly over the nodes. */
import type { KubeObject } from '#api/kinds.ts'
import { objectsOf } from '#controllers/objects.ts'
import { providedObjects } from '#controllers/provided.ts'
import type { Lab } from '#lab/lab.ts'
import { labWith, NOW, pod } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { clusterOf } from '#model/model.ts'

export type Bare = { readonly lab: Lab; readonly objects: Parameters<typeof clusterOf>[1] }

/** The first address of a node's range is its tunnel end's, the next its bridge's. */
const FIRST_POD = 2

/** What the store of such a lab holds. */
export function bare(nodes: number, pods: number): Bare {
  const objects: KubeObject[] = Array.from({ length: pods }, (_, at) => {
    const node = at % nodes
    return pod(`bare-${at + 1}`, { node: `node-${node + 1}`, ip: `10.244.${node}.${Math.floor(at / nodes) + FIRST_POD}` })
  })
  const lab = labWith({ nodes, objects })
  return { lab, objects: objectsOf([...providedObjects(lab, { now: NOW }).filter(({ kind }) => kind === 'Node'), ...objects]) }
}

export const bareCluster = (nodes: number, pods: number): Cluster => {
  const { lab, objects } = bare(nodes, pods)
  return clusterOf(lab, objects)
}
