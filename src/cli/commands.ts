// The list of commands. One more command is one file and one line here.

import type { Command } from './command.ts'

type Load = () => Promise<{ command: Command }>

/** In the order of the help. */
export const commands: Readonly<Record<string, Load>> = {
  demo: () => import('./demo.ts'),
  init: () => import('./init.ts'),
  doctor: () => import('./doctor.ts'),
  start: () => import('./start.ts'),
  connect: () => import('./connect.ts'),
  disconnect: () => import('./disconnect.ts'),
  submit: () => import('./submit.ts'),
  status: () => import('./status.ts'),
  explain: () => import('./explain.ts'),
  timeline: () => import('./timeline.ts'),
  replay: () => import('./replay.ts'),
  'prompt-preview': () => import('./prompt-preview.ts'),
  feed: () => import('./feed.ts'),
  logs: () => import('./logs.ts'),
  costs: () => import('./costs.ts'),
  prompt: () => import('./prompt.ts'),
  open: () => import('./open.ts'),
  stop: () => import('./stop.ts'),
  retry: () => import('./retry.ts'),
  close: () => import('./close.ts'),
  delegate: () => import('./delegate.ts'),
  undelegate: () => import('./undelegate.ts'),
  comment: () => import('./comment.ts'),
  cancel: () => import('./cancel.ts'),
  approve: () => import('./approve.ts'),
  'request-changes': () => import('./request-changes.ts'),
  'dismiss-review': () => import('./dismiss-review.ts'),
  'close-pr': () => import('./close-pr.ts'),
  'reopen-pr': () => import('./reopen-pr.ts'),
  push: () => import('./push.ts'),
  'reset-budget': () => import('./reset-budget.ts'),
  pause: () => import('./pause.ts'),
  resume: () => import('./resume.ts'),
  'lift-budget': () => import('./lift-budget.ts'),
  drain: () => import('./drain.ts'),
  verify: () => import('./verify.ts'),
  check: () => import('./check.ts'),
  inspect: () => import('./inspect.ts'),
  backup: () => import('./backup.ts'),
  restore: () => import('./restore.ts'),
  version: () => import('./version.ts'),
}

export const aliases: Readonly<Record<string, string>> = { serve: 'start' }
