// Whether the rules of the base let our own landing queue land: doctor says beforehand what happens then, and what to do.

import { afterEach, expect, test } from 'vitest'
import type { Rules } from '../../../twins/github.ts'
import { createWorld, doctor, permissions, type World } from './fixture.ts'

let world: World
afterEach(() => world.close())

const us = 'box[bot]'
const lander = 'set landing.lander to merge_queue, auto_merge or external.'
const inProtection = (what: string) => `In the protection of main at GitHub, ${what}, or ${lander}`
const inRuleset = `Add the App to the bypass list of the ruleset main rules, always and not for pull requests only, or ${lander}`
const unit = { requiredChecks: [{ context: 'unit' }] }
const here = { ci: { command: 'true' } }
const notAwaited = 'main requires unit, for which our own landing queue does not wait at GitHub'
const noMerges = 'main takes no merge commits, and what is landed is one'

/** What is asked of main, and what doctor says; nothing where it lands. */
const cases: [name: string, kind: 'protect' | 'ruleset', rules: Rules, barrier?: [message: string, remedy: string], project?: object][] = [
  ['a review', 'protect', { requiredApprovals: 1 }],
  ['a review, by a ruleset', 'ruleset', { requiredApprovals: 1 }],
  ['a check', 'protect', unit],
  ['a check, by a ruleset', 'ruleset', unit],
  ['a check that is run here', 'protect', unit, [notAwaited, inProtection('take unit out of the required checks')], here],
  ['a check that is run here, by a ruleset', 'ruleset', unit, [notAwaited, inRuleset], here],
  ['a check that is run here, by a ruleset that we bypass', 'ruleset', { ...unit, bypass: [us] }, undefined, here],
  ['to be left alone', 'protect', { locked: true }, ['main is locked', inProtection('unlock it')]],
  [
    'that others push',
    'protect',
    { pushers: ['kim'] },
    ['only some may push to main, and the App box is not among them', inProtection('let the App box push to matching branches')],
  ],
  ['that we push', 'protect', { pushers: ['kim', us] }],
  ['that nobody pushes', 'ruleset', { restrictUpdates: true }, ['main lets only those change it who bypass the ruleset', inRuleset]],
  ['that nobody else pushes', 'ruleset', { restrictUpdates: true, bypass: [us] }],
  ['the merge queue', 'ruleset', { mergeQueue: {} }, ['main takes changes from the merge queue alone', inRuleset]],
  ['no merges', 'protect', { linearHistory: true }, [noMerges, inProtection('allow merge commits')]],
  ['no merges, by a ruleset', 'ruleset', { linearHistory: true }, [noMerges, inRuleset]],
]

test.each(cases)('main asks for %s', async (_name, kind, rules, barrier, more = {}) => {
  const project = { landing: { lander: 'embedded' }, ...more }
  world = await createWorld({ project })
  const { forge, twin, repository, branch } = world
  const { number, head, pull } = await world.open()
  await twin.as('kim').approve(pull)
  twin[kind](repository, 'main', rules)
  const candidate = await forge.buildCandidate({ project: 'app', number, headSha: head })
  if (candidate.kind !== 'candidate') throw new Error(candidate.kind)
  const { base, commit } = candidate
  const checking = forge.runCandidateChecks({ project: 'app', commit })
  if (rules.requiredChecks !== undefined && more !== here) {
    while (branch(`signalbox/landing/${number}-${commit.slice(0, 10)}`) === null) await new Promise((resolve) => setTimeout(resolve, 5))
    await twin.as('root').status(repository, commit, 'unit', 'success')
  }
  expect((await checking).state).toBe('passed')

  const said = (await doctor(world, { project })).filter(({ message }) => /landing queue|^main |only some/.test(message))
  const lands = { what: 'project app', level: 'pass', message: 'our own landing queue lands', remedy: null }
  expect(said).toEqual(barrier === undefined ? [lands] : [{ what: 'project app', level: 'fail', message: barrier[0], remedy: barrier[1] }])

  const landing = await forge.landCandidate({ project: 'app', number, base, commit })
  expect(landing.kind).toBe(barrier === undefined ? 'landed' : 'blocked')
  if (landing.kind !== 'blocked') return
  // What GitHub says, and where a person sees what to do.
  expect(landing.reason).toMatch(/GH006.*`signalbox doctor`/s)
  expect(branch('main')).toBe(base)
})

test('what we are not allowed to see is said to be unknown', async () => {
  const { administration: _, ...others } = permissions
  world = await createWorld({ permissions: others })
  world.twin.protect(world.repository, 'main', { locked: true })
  const said = await doctor(world, { project: { landing: { lander: 'embedded' } } })
  expect(said.filter(({ message }) => /landing queue/.test(message))).toEqual([
    {
      ...{ what: 'project app', level: 'warn' },
      message: 'whether the protection of main lets our own landing queue push to it cannot be seen',
      remedy: 'Give the App the permission administration: read, and look again.',
    },
  ])
})
