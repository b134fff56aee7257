// The issue machine at work: a delegated issue with an open pull request, whose checks and head change.

import { issueMachine } from '../src/machines/issue/machine.ts'
import { defaultPolicy } from '../src/machines/issue/policy.ts'
import type { Workload } from './machines.ts'

const start = 1_760_000_000_000
const url = 'http://127.0.0.1:8711/forge/app'
const sha = (n: number): string => (0x10000000 + n).toString(16).padStart(40, '7f3c1b9a4de0825f6170bb3e9c2d48a6f51e0c97')
const issue = (n: number) => ({
  key: `APP-${n}`,
  title: `Keep the offset of every token so that messages can point at it (${n})`,
  description: 'The parser drops offsets after the second pass. Keep them, and use them in the three messages that name a line only.',
  url: `http://127.0.0.1:8711/#/APP-${n}`,
  state: 'In Progress',
  stateType: 'started' as const,
  priority: 2,
  labels: ['parser', 'diagnostics'],
  parent: null,
  children: [],
  blockedBy: [],
})
const pullRequest = (n: number, head: string) => ({
  number: n,
  url: `${url}/pull/${n}`,
  headSha: head,
  headRef: `signalbox/APP-${n}-keep-the-offset-of-every-token`,
  baseRef: 'main',
  draft: false,
  author: 'signalbox',
})

export const issues: Workload = {
  name: 'issue machine',
  machine: issueMachine,
  input: (n) => ({
    id: `APP-${n}`,
    project: 'app',
    policy: defaultPolicy,
    branch: `signalbox/APP-${n}-keep-the-offset-of-every-token`,
    base: 'main',
    issue: issue(n),
    delegated: true,
    observedAt: start,
  }),
  event(n, turn) {
    const observedAt = start + 1_000 * (turn + 1)
    const headSha = sha(turn - (turn % 4))
    const names = ['build', 'test', 'lint']
    if (turn === 0) return { type: 'pr.opened', observedAt, ...pullRequest(n, headSha) }
    if (turn % 4 === 0) return { type: 'pr.pushed', observedAt, ...pullRequest(n, headSha) }
    if (turn % 4 === 1) return { type: 'checks.pending', observedAt, headSha, names, failures: [] }
    if (turn % 4 === 2) return { type: 'checks.passed', observedAt, headSha, names, failures: [] }
    return { type: 'review.commented', observedAt, headSha, reviewer: 'ada', body: 'Why twice?', comments: [] }
  },
}
