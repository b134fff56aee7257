// doctor: exercises everything that a start needs, one line each with the remedy.

import { SignalboxError } from '../errors.ts'
import { type Config, loadConfig } from '../config.ts'
import type { Command, Context } from './command.ts'
import { checkBounds, checkConfinement } from './doctor-agents.ts'
import { checkPrices } from './doctor-prices.ts'
import { checkCommands, checkProjects } from './doctor-projects.ts'
import { checkForge, checkTracker } from './doctor-providers.ts'
import { checkReadiness } from './doctor-readiness.ts'
import { checkClock, checkDatabase, checkDisk, checkGit, checkServer } from './doctor-machine.ts'
import { checkSecrets } from './doctor-secrets.ts'
import { checkWebhooks } from './doctor-webhooks.ts'
import { exit, exitCodeOf, sentenceOf } from './exit.ts'
import { oneLine, type Style } from './output.ts'

export interface Finding {
  status: 'PASS' | 'WARN' | 'FAIL'
  /** What was looked at, in a word or two. */
  check: string
  message: string
  /** What to do about it. */
  remedy: string | null
}

export const pass = (check: string, message: string): Finding => ({ status: 'PASS', check, message, remedy: null })
export const warn = (check: string, message: string, remedy: string): Finding => ({ status: 'WARN', check, message, remedy })
export const fail = (check: string, message: string, remedy: string): Finding => ({ status: 'FAIL', check, message, remedy })

export const command: Command = {
  name: 'doctor',
  summary: 'Check everything that a start needs, and say what to do about what is wrong.',
  json: '{ ok, checks: [{ status, check, message, remedy }] }',
  examples: ['signalbox doctor', 'signalbox doctor --json'],
  run: async (context) => {
    let config: Config
    try {
      config = loadConfig({ cwd: context.cwd, ...(context.configFile === undefined ? {} : { file: context.configFile }) })
    } catch (error) {
      if (!(error instanceof SignalboxError)) throw error
      report([fail('configuration', error.message, 'Mend the file; `signalbox init` writes a new one.')], context)
      return exitCodeOf(error)
    }
    const findings = [pass('configuration', config.file)]
    // In this order: what a later check needs is looked at by an earlier one.
    const machine = [checkSecrets, checkDisk, checkDatabase, checkServer, checkClock, checkGit]
    const checks = [
      ...machine,
      checkTracker,
      checkForge,
      checkWebhooks,
      checkProjects,
      checkCommands,
      checkReadiness,
      checkConfinement,
      checkBounds,
      checkPrices,
    ]
    for (const check of checks) findings.push(...(await look(check, config)))
    report(findings, context)
    return findings.some(({ status }) => status === 'FAIL') ? exit.attention : exit.done
  },
}

/** A check that breaks is a finding, not the end of the others. */
async function look(check: (config: Config) => Promise<Finding[]> | Finding[], config: Config): Promise<Finding[]> {
  try {
    return await check(config)
  } catch (error) {
    return [fail(check.name.replace('check', '').toLowerCase(), sentenceOf(error), 'This check could not be completed.')]
  }
}

const styles: Record<Finding['status'], Style> = { PASS: 'green', WARN: 'yellow', FAIL: 'red' }

function report(findings: Finding[], { output }: Context): void {
  const failed = findings.filter(({ status }) => status === 'FAIL').length
  output.document({ ok: failed === 0, checks: findings })
  for (const { status, check, message, remedy } of findings) {
    output.line(`${output.style(styles[status], status)}  ${check}: ${message.split('\n').map(oneLine).join('\n      ')}`)
    if (remedy !== null) output.line(`      → ${remedy}`)
  }
  output.line(failed === 0 ? '\nReady: `signalbox start`.' : `\n${failed} of ${findings.length} checks failed.`)
}
