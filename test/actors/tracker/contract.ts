// The contract of the port `Tracker`: every implementation passes it.

import { describe, expect, test } from 'vitest'
import type { Tracker } from '../../../src/actors/ports.ts'

export interface TrackerFixture {
  tracker: Tracker
  project: string
  /** Files an issue (delegated) as a human would, and answers its id and key. */
  file: (title: string, options?: { blockedBy?: string[]; parent?: string }) => Promise<{ id: string; key: string }>
  /** Deletes the issue as a human would. */
  remove: (id: string) => Promise<void>
  /** The texts that people see on the issue, oldest first. */
  comments: (id: string) => Promise<string[]>
  close: () => Promise<void>
}

export function trackerContract(name: string, create: () => Promise<TrackerFixture>): void {
  const withFixture = (body: (fixture: TrackerFixture) => Promise<void>) => async () => {
    const fixture = await create()
    try {
      await body(fixture)
    } finally {
      await fixture.close()
    }
  }

  describe(`the tracker contract: ${name}`, () => {
    test(
      'facts are everything that a delegated issue says',
      withFixture(async ({ tracker, project, file }) => {
        const first = await file('First')
        const before = await file('Before')
        const second = await file('Second', { blockedBy: [before.key], parent: first.key })
        const facts = await tracker.facts({ project, issue: second.id })
        expect(facts).toMatchObject({
          key: second.key,
          title: 'Second',
          priority: 0,
          labels: [],
          parent: first.key,
          children: [],
          blockedBy: [{ key: before.key, resolved: false }],
          delegated: true,
        })
        expect(['unstarted', 'started', 'backlog']).toContain(facts!.stateType)
        expect(facts!.url).not.toBe('')
        expect(Number.isSafeInteger(facts!.observedAt)).toBe(true)
        expect((await tracker.facts({ project, issue: first.id }))!.children.map((child) => child.key)).toEqual([second.key])
      }),
    )

    test(
      'facts of an unchanged issue do not look newer the second time',
      withFixture(async ({ tracker, project, file }) => {
        const issue = await file('Still')
        expect(await tracker.facts({ project, issue: issue.id })).toEqual(await tracker.facts({ project, issue: issue.id }))
      }),
    )

    test(
      'facts of a removed issue are null',
      withFixture(async ({ tracker, project, file, remove }) => {
        const issue = await file('Gone')
        await remove(issue.id)
        expect(await tracker.facts({ project, issue: issue.id })).toBeNull()
      }),
    )

    test(
      'a report is made once for each id',
      withFixture(async ({ tracker, project, file, comments }) => {
        const { id, key } = await file('Reported')
        const report = { project, issue: id, key, kind: 'comment', phase: 'implementing', text: 'Working on it.' } as const
        await tracker.report(report, 'report-1')
        await tracker.report(report, 'report-1')
        await tracker.report({ ...report, kind: 'question', text: 'Which colour?' }, 'report-2')
        await tracker.report({ ...report, kind: 'question', text: 'Which colour?' }, 'report-2')
        expect(await comments(id)).toEqual(['Working on it.', 'Which colour?'])
      }),
    )

    test(
      'a reported state shows as work in progress, then as completed, and resolves what it blocked',
      withFixture(async ({ tracker, project, file }) => {
        const { id, key } = await file('Progress')
        const waiting = await file('Waiting', { blockedBy: [key] })
        const report = { project, issue: id, key, kind: 'state', text: '' } as const
        await tracker.report({ ...report, phase: 'implementing' }, 'state-1')
        const started = (await tracker.facts({ project, issue: id }))!
        expect(started.stateType).toBe('started')
        await tracker.report({ ...report, phase: 'done' }, 'state-2')
        const done = (await tracker.facts({ project, issue: id }))!
        // Of Linear, where people close issues as well, it is told apart: that we have closed it ourselves is nobody's wish.
        expect(done.stateType).toBe(tracker.kind === 'linear' ? 'started' : 'completed')
        expect(done.observedAt).toBeGreaterThan(started.observedAt)
        expect((await tracker.facts({ project, issue: waiting.id }))!.blockedBy).toMatchObject([{ key, resolved: true }])
        await tracker.report({ ...report, phase: 'implementing' }, 'state-1')
        expect(await tracker.facts({ project, issue: id })).toMatchObject({ state: done.state, stateType: done.stateType })
        expect((await tracker.facts({ project, issue: waiting.id }))!.blockedBy).toMatchObject([{ key, resolved: true }])
      }),
    )
  })
}
