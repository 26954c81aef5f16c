import { expect, test } from 'vitest'
import type { Step } from '#kernel/step.ts'
import { clusterWith, pod } from '#model/build.ts'
import { ip } from '#net/net.ts'
import { agreed, components, programsOf, withoutProxy } from './plan.ts'

const pods = ['a', 'b'].map((name, at) => pod(name, { node: `node-${at + 1}`, ip: `10.244.${at}.2` }))
const cluster = clusterWith({ nodes: 2, objects: pods, hosts: [{ name: 'internet', ip: ip('203.0.113.10') }] })

test('every machine has its program, nodes first, hosts outside after', () => {
  expect([...programsOf(cluster).keys()]).toEqual(['node-1', 'node-2', 'internet'])
})

test('a node’s program tells its components in the order of the list, each in one piece', () => {
  const told = [...new Set((programsOf(cluster).get('node-1') ?? []).map((step) => step.by))]
  expect(told).toEqual(components.filter((component) => component.wanted(cluster)).map(({ name }) => name))
})

test('the same cluster gives the same plan', () => {
  expect([...programsOf(structuredClone(cluster))]).toEqual([...programsOf(cluster)])
})

test('said twice alike counts once', () => {
  const step: Step = { by: 'a', why: 'a', kind: 'sysctl', key: 'net.ipv4.ip_forward', value: '1' }
  expect(agreed('n', [step, { ...step, by: 'b', why: 'b' }])).toEqual([step])
})

test('two components that claim one thing differently are named', () => {
  const step: Step = { by: 'kubelet', why: 'a', kind: 'sysctl', key: 'net.ipv4.ip_forward', value: '1' }
  expect(() => agreed('node-1', [step, { ...step, by: 'proxy', value: '0' }])).toThrow(
    'node-1: kubelet wants sysctl net.ipv4.ip_forward = 1, but proxy wants sysctl net.ipv4.ip_forward = 0',
  )
})

test('while kube-proxy does not run, its steps are those that the node held, and all others are those that are wanted', () => {
  const step = (by: string, value: string): Step => ({ by, why: '', kind: 'sysctl', key: by, value })
  const wanted = [step('kubelet', 'new'), step('kube-proxy/iptables', 'new')]
  expect([withoutProxy(wanted, [step('kubelet', 'old'), step('kube-proxy/iptables', 'old')]), withoutProxy(wanted, [])]).toEqual([
    [step('kubelet', 'new'), step('kube-proxy/iptables', 'old')],
    [step('kubelet', 'new')],
  ])
})

test('a contradiction is found among Steps that were agreed on before and others that come', () => {
  const setting = (key: string, value: string): Step => ({ by: 'a', why: 'a', kind: 'sysctl', key, value })
  const [x, y] = [setting('net.x', '1'), setting('net.y', '1')]
  expect(agreed('remembered', [x, y])).toEqual([x, y])
  expect(agreed('remembered', [y, setting('net.x', '0')])).toEqual([y, setting('net.x', '0')])
  expect(agreed('remembered', [y, x])).toEqual([y, x])
  expect(() => agreed('remembered', [y, x, setting('net.y', '0')])).toThrow('net.y')
  expect(agreed('remembered', [y, x, setting('net.y', '1')])).toEqual([y, x])
})
