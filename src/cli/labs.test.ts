import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home } from './home.ts'
import { isStop } from './io.ts'
import { findLab } from './labs.ts'

function found(word: string, cwd: string): string {
  try {
    return findLab(word, cwd).dir
  } catch (thrown) {
    return isStop(thrown) ? thrown.says : String(thrown)
  }
}

test('a lab is a name, with or without the slash a shell puts behind it, or a folder, which the slash means first', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'netlab-labs-'))
  mkdirSync(join(cwd, 'host-gw'))
  writeFileSync(join(cwd, 'host-gw/lab.yaml'), '')
  const said = ['host-gw', 'host-gw/', './host-gw', 'pod-by-hand/', 'flannel-vxlan/wrong-peer', 'pod-by-hand/x', 'pod-by-hand/exercises/x'].map((word) =>
    found(word, cwd),
  )
  rmSync(cwd, { recursive: true })
  expect(said).toEqual([
    join(home, 'labs/host-gw'),
    join(cwd, 'host-gw'),
    join(cwd, 'host-gw'),
    join(home, 'labs/pod-by-hand'),
    'flannel-vxlan/wrong-peer is an exercise of lab flannel-vxlan: netlab learn flannel-vxlan/wrong-peer begins it',
    'no file or folder pod-by-hand/x',
    'no file or folder pod-by-hand/exercises/x',
  ])
})
