// What people say, read by the fixed rules, and where those know nothing of it, by the agent's classifier.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { Agent } from '../../src/actors/ports.ts'
import { createAgents } from '../../src/app/agents.ts'
import { readIntent } from '../../src/app/intents.ts'
import { parseConfig, readEnvironment } from '../../src/config.ts'
import type { Intent } from '../../src/machines/issue/intent.ts'
import { granted, play, prompted } from '../machines/issue/facts.ts'
import { createPlace } from './app.ts'

const ask = (text: string, answers: { intent: Intent; confidence: number } | Error, via: 'comment' | 'session' = 'session') => {
  const classify = vi.fn<NonNullable<Agent['classify']>>(async () => {
    if (answers instanceof Error) throw answers
    return answers
  })
  const warnings: string[] = []
  const read = readIntent({ classify }, { text, via, issue: { key: 'APP-1', title: 'T' } }, (message) => warnings.push(message))
  return read.then((intent) => ({ intent, asked: classify.mock.calls.length, warnings }))
}

describe('what a text asks for', () => {
  it('is what the classifier is sure of, and an instruction where it is not (edge 93)', async () => {
    expect(await ask('Hold your horses', { intent: 'stop', confidence: 0.55 })).toMatchObject({ intent: 'stop', asked: 1 })
    expect(await ask('Hold your horses', { intent: 'stop', confidence: 0.54 })).toMatchObject({ intent: null, asked: 1, warnings: [] })
    expect(play(granted, prompted('Hold your horses')).messages('run-1')).toMatchObject([{ type: 'run.steer', text: 'Hold your horses' }])
  })

  it('takes as much confidence as is configured', async () => {
    const classify: NonNullable<Agent['classify']> = async () => ({ intent: 'stop', confidence: 0.7 })
    const request = { text: 'Hold your horses', via: 'session', issue: { key: 'APP-1', title: 'T' } } as const
    expect(await readIntent({ classify, leastConfidence: 0.8 }, request, () => {})).toBeNull()
    expect(await readIntent({ classify, leastConfidence: 0.7 }, request, () => {})).toBe('stop')
    const agent = (more: object) => ({ kind: 'command', command: 'x', classify: 'y', ...more })
    const config = { agents: { usual: agent({}), sure: agent({ confidence: 0.8 }) }, projects: [{ id: 'app', repo: '.', agent: 'sure' }] }
    const agents = createAgents(
      parseConfig(JSON.stringify(config), '/nowhere/signalbox.config.json', readEnvironment({ HOME: '/nowhere' })),
      {} as never,
    )
    expect([agents.get('usual')!.leastConfidence, agents.get('sure')!.leastConfidence]).toEqual([0.55, 0.8])
  })

  it('is not asked about where the rules know it, or nobody speaks to us', async () => {
    expect(await ask('stop', { intent: 'instruction', confidence: 1 })).toMatchObject({ intent: null, asked: 0 })
    expect(await ask('Hold your horses', { intent: 'stop', confidence: 1 }, 'comment')).toMatchObject({ intent: null, asked: 0 })
    expect(await ask('Signalbox, hold your horses', { intent: 'stop', confidence: 1 }, 'comment')).toMatchObject({ intent: 'stop' })
    expect(await readIntent({}, { text: 'x', via: 'session', issue: { key: 'APP-1', title: 'T' } }, () => {})).toBeNull()
  })

  it('is left to the rules when no answer comes, and that is told', async () => {
    const { intent, warnings } = await ask('Hold your horses', new Error('it broke'))
    expect([intent, warnings]).toEqual([null, ['it broke The fixed rules decide.']])
  })
})

describe('a person who speaks to an issue', () => {
  const classifier = (folder: string) =>
    `cat > ${folder}/asked; case "$(cat ${folder}/asked)" in *horses*) echo '{"intent":"stop","confidence":0.9}';; *far*) echo '{"intent":"status","confidence":0.9}';; *) exit 1;; esac`

  it('is understood as the classifier understands it, by the real command; what it cannot read is an instruction', async () => {
    const place = await createPlace()
    const text = JSON.stringify({
      server: { operatorToken: 'file:token' },
      store: { path: 'data/signalbox.db' },
      agents: { mine: { kind: 'command', command: 'sleep 60', classify: classifier(place.folder) } },
      projects: [{ id: 'app', repo: './app', agent: 'mine' }],
    })
    const app = await place.open(parseConfig(text, join(place.folder, 'signalbox.config.json')))
    const { key } = await app.submit({ title: 'T', project: 'app' })
    await vi.waitFor(() => expect(app.issue(key).run).not.toBeNull(), { timeout: 10_000 })
    await app.act(key, { action: 'prompt', text: 'So how far did you get with all this?' })
    expect(existsSync(join(place.folder, 'asked'))).toBe(true)
    expect(app.issue(key)).toMatchObject({ authority: 'acting' })
    await app.act(key, { action: 'prompt', text: 'Use tabs.' })
    expect(app.issue(key)).toMatchObject({ authority: 'acting' })
    await app.act(key, { action: 'prompt', text: 'Whoa, hold your horses' })
    await vi.waitFor(() => expect(app.issue(key).authority).toBe('stopped'), { timeout: 10_000 })
    expect(readFileSync(join(place.folder, 'asked'), 'utf8')).toContain('hold your horses')
  })
})
