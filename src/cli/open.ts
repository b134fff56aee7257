// open KEY: a person takes over in the issue's worktree, in the agent's own conversation, and gives it back.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { byHand } from '../actors/agents/by-hand.ts'
import { childEnvironment } from '../actors/process.ts'
import type { IssueDocument } from '../app.ts'
import { FatalError } from '../errors.ts'
import { keyArgument } from './act.ts'
import type { Command, Context } from './command.ts'
import { exit } from './exit.ts'

export const command: Command = {
  name: 'open',
  summary: "Take over in an issue's worktree, in its agent's own conversation; it is given back when you leave.",
  arguments: [keyArgument],
  flags: {
    keep: { description: 'Do not give it back: it rests until a retry, a prompt or a new delegation' },
    print: { description: 'Only print the command line, and end nothing' },
  },
  json: '{ key, worktree, agent, thread, resumes, command, givenBack }',
  examples: ['signalbox open APP-1', 'signalbox open APP-1 --keep', 'signalbox open APP-1 --print'],
  run: async (context) => {
    const { output } = context
    const key = context.required('KEY')
    const issue = (await context.reader()).issue(key)
    if (issue.worktree === null) {
      throw new FatalError('no-worktree', `${key} has no worktree: no agent has worked on it yet, or it was removed after the landing.`)
    }
    if (context.has('print')) {
      const { line, env: _env, ...told } = await lineOf(context, issue)
      output.line(`cd ${issue.worktree} && ${line}`)
      output.document({ ...told, command: line, givenBack: false })
      return exit.done
    }
    if (process.stdin.isTTY !== true || context.has('json')) {
      throw new FatalError('no-terminal', `${key} is taken over at a terminal. --print prints the command line.`)
    }
    const isOurs = await halt(context, key, issue)
    const { line, env, ...told } = await lineOf(context, (await context.reader()).issue(key))
    output.note(told.resumes ? `In the conversation of '${told.agent}'.` : `'${told.agent}' has no conversation to go on with here.`)
    const code = await talk(line, issue.worktree, env)
    const givenBack = isOurs && !context.has('keep')
    if (givenBack) await post(context, key, { action: 'retry' })
    output.note(givenBack ? `${key} goes on.` : `${key} rests as it is: signalbox retry ${key} lets it go on.`)
    return code === 0 ? exit.done : exit.failed
  },
}

async function lineOf(context: Context, { key, project: id, worktree, branch, run, thread }: IssueDocument) {
  const config = context.config()
  const project = config.projects.find((each) => each.id === id)
  if (!project) throw new FatalError('unknown-project', `There is no project '${id}' in the configuration any more.`)
  const name = run?.agent ?? thread?.agent ?? project.agent
  const agent = config.agents[name]
  if (!agent) throw new FatalError('unknown-agent', `There is no agent '${name}' in the configuration any more.`)
  const env = childEnvironment({ ...agent.env, SIGNALBOX_ISSUE: key })
  const own = thread?.agent === name ? thread.id : null
  const place = { worktree: worktree!, branch: branch!, network: project.network, thread: own }
  return { key, worktree: worktree!, agent: name, thread: own, env, ...(await byHand(agent, place, env)) }
}

/** Two do not write in one worktree. Answers whether the issue was at work until now, and is to be given back. */
async function halt(context: Context, key: string, { authority, run }: IssueDocument): Promise<boolean> {
  if (authority !== 'acting' && run === null) return false
  await post(context, key, { action: 'stop', reason: 'taken over by hand' })
  for (const deadline = performance.now() + patience; ; await wait(200)) {
    if ((await context.reader()).issue(key).run === null) return true
    if (performance.now() > deadline) throw new FatalError('agent-ending', `The agent of ${key} has not ended yet. Try again in a moment.`)
  }
}

/** Milliseconds for an agent to end. */
const patience = 60_000

const post = (context: Context, key: string, action: object): Promise<unknown> =>
  context.client().post(`/api/issues/${encodeURIComponent(key)}/actions`, action)

/** The terminal is its own: what is pressed there is for it, and not for us. */
async function talk(line: string, cwd: string, env: Record<string, string>): Promise<number | null> {
  const child = spawn('/bin/sh', ['-c', line], { cwd, env, stdio: 'inherit' })
  const ignore = (): void => {}
  process.on('SIGINT', ignore)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code
  } finally {
    process.off('SIGINT', ignore)
  }
}
