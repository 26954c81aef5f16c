import { afterEach, expect, test } from 'vitest'
import { createTurns, type Turns } from './turns.ts'

const started: Turns[] = []
afterEach(async () => {
  for (const turns of started.splice(0)) await turns.stop()
})
function turnsOf(turn: (said: string[], turns: Turns) => Promise<void>) {
  const said: string[] = []
  const turns: Turns = createTurns({ turn: () => turn(said, turns), after: () => said.push('over'), onError: ({ message }) => said.push(message) })
  started.push(turns)
  return { turns, said }
}
const moment = () => new Promise((resolve) => setImmediate(resolve))

test('there is no turn before they are open; then one is enough for all who kicked', async () => {
  const { turns, said } = turnsOf(async (told) => void told.push('turn'))
  turns.kick()
  turns.kick()
  await moment()
  expect([turns.areOpen(), said]).toEqual([false, []])
  turns.open()
  turns.kick()
  await turns.settled()
  expect([turns.areOpen(), said]).toEqual([true, ['turn', 'over']])
})

test('what is done meanwhile wants another turn, and whoever waits waits for that too', async () => {
  const { turns, said } = turnsOf(async (told, own) => {
    told.push('turn')
    await moment()
    if (told.length < 3) own.kick()
  })
  turns.open()
  turns.kick()
  await turns.settled()
  expect(said).toEqual(['turn', 'over', 'turn', 'over'])
})

test('at a pace, what is said soon after a turn waits for more and is done in one; without one, at once', async () => {
  const { turns, said } = turnsOf(async (told) => void told.push('turn'))
  turns.open()
  turns.pace(60_000)
  turns.kick()
  await turns.settled()
  turns.kick()
  turns.kick()
  await moment()
  await turns.settled()
  const paced = said.splice(0)
  turns.pace(0)
  await turns.settled()
  expect([paced, said]).toEqual([
    ['turn', 'over'],
    ['turn', 'over'],
  ])
})

test('at a pace the next turn comes by itself', async () => {
  const { turns, said } = turnsOf(async (told) => void told.push('turn'))
  turns.open()
  turns.pace(5)
  turns.kick()
  await turns.settled()
  turns.kick()
  await turns.followed()
  expect(said).toEqual(['turn', 'over', 'turn', 'over'])
})

test('work that wants to be alone runs between turns, and its failure is its own', async () => {
  const { turns, said } = turnsOf(async (told) => {
    told.push('begun')
    await moment()
    told.push('ended')
  })
  turns.open()
  turns.kick()
  await moment()
  const alone = turns.exclusively(async () => said.push('alone'))
  const broken = turns.exclusively(() => Promise.reject(new Error('no')))
  await expect(broken).rejects.toThrow('no')
  await alone
  expect(said).toEqual(['begun', 'ended', 'over', 'alone'])
})

test('a turn that fails is told, thrown at those who wait, and tried again', async () => {
  let count = 0
  const { turns, said } = turnsOf(async () => {
    count += 1
    if (count === 1) throw new Error('refused')
  })
  turns.open()
  turns.kick()
  await expect(turns.settled()).rejects.toThrow('refused')
  while (count < 2) await new Promise((resolve) => setTimeout(resolve, 20))
  await turns.settled()
  expect(said).toEqual(['refused', 'over', 'over'])
})

test('whoever holds them waits for the one that runs, and none comes until they are open again', async () => {
  const { turns, said } = turnsOf(async (told) => {
    await moment()
    told.push('turn')
  })
  turns.open()
  turns.kick()
  await moment()
  await turns.hold()
  turns.kick()
  await moment()
  expect(said).toEqual(['turn', 'over'])
  turns.open()
  turns.kick()
  await turns.settled()
  expect(said).toEqual(['turn', 'over', 'turn', 'over'])
})
