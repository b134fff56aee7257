// Doctor: whether GitHub and Linear let us do what the configuration asks of them.

import { existsSync } from 'node:fs'
import type { Config } from '../config.ts'
import { isTerminal } from '../machines/issue/document.ts'
import type { SqliteDatabase } from '../persistence/database.ts'
import { linearSchema } from '../persistence/linear-schema.ts'
import { type Finding, fail, pass, warn } from './doctor.ts'

interface Found {
  what: string
  level: 'pass' | 'warn' | 'fail'
  message: string
  remedy: string | null
}

const toFinding =
  (provider: string) =>
  ({ what, level, message, remedy }: Found): Finding => {
    const check = `${provider} ${what}`
    if (level === 'pass') return pass(check, message)
    return (level === 'warn' ? warn : fail)(check, message, remedy === null || remedy === '' ? 'See the message.' : remedy)
  }

export async function checkForge(config: Config): Promise<Finding[]> {
  const { forge, projects, webhooks, server } = config
  if (forge.kind !== 'github') return []
  const { checkGithub } = await import('../actors/forge/github.ts')
  const found = await checkGithub(forge, projects, { now: Date.now, webhooks, publicUrl: server.publicUrl })
  return found.map(toFinding('github'))
}

export async function checkTracker(config: Config): Promise<Finding[]> {
  const { tracker, projects, webhooks, server } = config
  if (tracker.kind !== 'linear') return []
  const { checkLinear } = await import('../actors/tracker/linear.ts')
  const database = await openLinear(config.store.path)
  try {
    const found = await checkLinear({
      ...{ settings: tracker, projects, database, webhooks, now: Date.now },
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms)
        return () => clearTimeout(timer)
      },
      isTerminal: (issue) => isOver(database, issue),
      webhookUrl: webhooks && server.publicUrl !== null ? `${server.publicUrl}/webhooks/linear` : null,
    })
    return found.map(toFinding('linear'))
  } finally {
    database.close()
  }
}

/** Whether the issue's actor has its end. */
function isOver(database: SqliteDatabase, issue: string): boolean {
  const row = database.prepare<[string], { snapshot: string | null }>('SELECT snapshot FROM actor WHERE address = ?').get(`issue/${issue}`)
  return row?.snapshot != null && isTerminal((JSON.parse(row.snapshot) as { value: unknown }).value)
}

/** The workspaces that are connected; none where no server has ever started. */
async function openLinear(path: string) {
  const { default: Database } = await import('better-sqlite3')
  const database = existsSync(path) ? new Database(path, { readonly: true, fileMustExist: true }) : new Database(':memory:')
  const isKnown = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'linear_workspace'").get() !== undefined
  if (isKnown) return database
  // Of an earlier version, which knew nothing of Linear.
  database.close()
  const empty = new Database(':memory:')
  empty.exec(linearSchema)
  return empty
}
