// A reminder that outlives its process: start it, kill it with -9, start it again; it is shown once, when it is due.

import { setup, fromPromise } from 'xstate'
import { createSystem, defineActor, sqliteStore } from 'signalbox'

const reminder = setup({
  types: { input: {} as { text: string; ms: number }, context: {} as { text: string; ms: number } },
  actors: { show: fromPromise<void, string>(async ({ input }) => console.log(`Reminder: ${input}`)) },
  delays: { wait: ({ context }) => context.ms },
}).createMachine({
  context: ({ input }) => input,
  initial: 'waiting',
  states: {
    waiting: { after: { wait: 'due' } },
    due: { invoke: { src: 'show', input: ({ context }) => context.text, onDone: 'shown' } },
    shown: { type: 'final' },
  },
})

const system = await createSystem({
  store: sqliteStore('reminders.db'),
  actors: { reminder: defineActor(reminder, { version: 1 }) },
  effects: { show: { onRestart: 'rerun' } },
})
const tea = await system.spawn('reminder', 'tea', { text: 'the tea is ready', ms: 3_000 })
console.log(`It is ${(await tea.snapshot()).value}.`)
const shown = Promise.withResolvers<void>()
tea.subscribe(({ status }) => status === 'done' && shown.resolve())
if ((await tea.snapshot()).status !== 'done') await shown.promise
await system.stop()
