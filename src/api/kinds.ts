/** The Kubernetes kinds netlab serves, in their own field names: what a manifest may say and what it means when it says nothing. */
import type { z } from 'zod'
import * as cluster from './kinds/cluster.ts'
import type * as parts from './kinds/parts.ts'
import * as pod from './kinds/pod.ts'
import * as policy from './kinds/policy.ts'
import * as service from './kinds/service.ts'
import * as workload from './kinds/workload.ts'

/** Every kind; a new one is an entry here, and the compiler asks for the others (resources.ts, rules.ts, table.ts). */
export const schemas = {
  Namespace: cluster.Namespace,
  Node: cluster.Node,
  Pod: pod.Pod,
  Service: service.Service,
  ConfigMap: cluster.ConfigMap,
  Event: cluster.Event,
  Endpoints: service.Endpoints,
  EndpointSlice: service.EndpointSlice,
  Deployment: workload.Deployment,
  ReplicaSet: workload.ReplicaSet,
  StatefulSet: workload.StatefulSet,
  DaemonSet: workload.DaemonSet,
  ControllerRevision: workload.ControllerRevision,
  NetworkPolicy: policy.NetworkPolicy,
} as const

export type Kind = keyof typeof schemas
export type ObjectOf<K extends Kind> = z.output<(typeof schemas)[K]>
/** An object after defaulting. */
export type KubeObject = { [K in Kind]: ObjectOf<K> }[Kind]

export type NodeObject = ObjectOf<'Node'>
export type PodObject = ObjectOf<'Pod'>
export type ServiceObject = ObjectOf<'Service'>
export type ConfigMap = ObjectOf<'ConfigMap'>
export type EventObject = ObjectOf<'Event'>
export type Endpoints = ObjectOf<'Endpoints'>
export type EndpointSlice = ObjectOf<'EndpointSlice'>
export type Deployment = ObjectOf<'Deployment'>
export type ReplicaSet = ObjectOf<'ReplicaSet'>
export type StatefulSet = ObjectOf<'StatefulSet'>
export type DaemonSet = ObjectOf<'DaemonSet'>
export type ControllerRevision = ObjectOf<'ControllerRevision'>
export type NetworkPolicy = ObjectOf<'NetworkPolicy'>
/** What makes Pods from a template. */
export type Workload = Deployment | ReplicaSet | StatefulSet | DaemonSet
export type Metadata = z.output<typeof parts.metadata>
export type LabelSelector = z.output<typeof parts.labelSelector>
export type PodSpec = z.output<typeof pod.podSpec>
export type Container = z.output<typeof pod.container>
export type ContainerProbe = z.output<typeof pod.containerProbe>
export type ContainerStatus = z.output<typeof pod.containerStatus>
export type Condition = z.output<typeof parts.condition>
