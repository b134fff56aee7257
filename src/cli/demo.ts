// demo: the whole loop on a repository made for it, with a scripted agent and, on request, a server that keeps dying.

import { mkdir, mkdtemp, readdir, realpath } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readEnvironment } from '../config.ts'
import { FatalError, toErrorData } from '../errors.ts'
import { type Command, type Context, wrongUse } from './command.ts'
import { exit } from './exit.ts'
import { runDemo } from './demo/driver.ts'
import { createProgress } from './demo/progress.ts'
import { placesIn } from './demo/project.ts'
import { printReport } from './demo/report.ts'

const limit = 5 * 60_000
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export const command: Command = {
  name: 'demo',
  summary: 'Run the whole loop on a repository made for it, with a scripted agent.',
  flags: {
    dir: { value: 'D', description: 'The folder to make everything in, new or empty; default: a new temporary one, which is kept' },
    seed: { value: 'N', description: 'Another seed gives other pauses and other moments of killing; default 1' },
    kill: {
      value: 'N',
      description: 'Kill the server without warning and restart it N times, and look whether anything was lost or doubled',
    },
    keep: { description: 'Leave the server and its page running at the end' },
  },
  json: '{ issues: [document] }, as they are at the end',
  examples: ['signalbox demo', 'signalbox demo --kill 5 --seed 7', 'signalbox demo --dir /tmp/demo --keep'],
  run: async (context) => {
    const { output } = context
    const seed = countOf(context, 'seed', 1)
    const kills = countOf(context, 'kill', 0)
    const places = placesIn(await folderOf(context))
    const keep = context.has('keep')
    const stopped = new AbortController()
    const onSignal = (name: NodeJS.Signals): void => stopped.abort(new FatalError('stopped', name))
    for (const name of signals) process.on(name, onSignal)
    try {
      const progress = createProgress(process.stderr)
      const report = await runDemo({
        places,
        seed,
        kills,
        keep,
        limit,
        variables: readEnvironment().variables,
        progress,
        signal: stopped.signal,
      })
      output.document({ issues: report.issues.map(({ document }) => document) })
      output.line()
      await printReport(report, output, context.cwd)
      if (report.problems.length === 0) return exit.done
      output.note(`\nNot as described:\n${report.problems.map((problem) => `- ${problem}`).join('\n')}`)
      return exit.failed
    } catch (error) {
      if (error === stopped.signal.reason) {
        output.note(`Stopped. The server has ended; what was made is in ${places.folder}`)
        // What a shell expects of a program that a signal ended.
        return 128 + constants.signals[(error as FatalError).message as NodeJS.Signals]
      }
      output.note(`Everything of this demo is still in ${places.folder}`)
      throw error
    } finally {
      for (const name of signals) process.removeListener(name, onSignal)
    }
  },
}

function countOf(context: Context, flag: string, fallback: number): number {
  const text = context.value(flag)
  if (text === undefined) return fallback
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count
  throw wrongUse('invalid-argument', `--${flag} must be a whole number, 0 or more, not "${text}".`)
}

/** The folder to work in: there, and empty. */
async function folderOf(context: Context): Promise<string> {
  const wanted = context.value('dir')
  if (wanted === undefined) return await realpath(await mkdtemp(join(tmpdir(), 'signalbox-demo-')))
  const folder = resolve(context.cwd, wanted)
  try {
    await mkdir(folder, { recursive: true })
    if ((await readdir(folder)).length > 0)
      throw wrongUse('invalid-argument', `--dir ${wanted} is not empty. Name a new or an empty folder.`)
    return await realpath(folder)
  } catch (error) {
    if (error instanceof Error && 'errno' in error)
      throw wrongUse('invalid-argument', `--dir ${wanted} cannot be used: ${toErrorData(error).message}.`)
    throw error
  }
}
