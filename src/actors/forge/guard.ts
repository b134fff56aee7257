// Compares the refs of our bare repositories with what was recorded, and puts back what was moved without us.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SqliteDatabase } from '../../persistence/database.ts'
import { git } from '../git.ts'
import { readAllRefs } from '../read-refs.ts'
import type { PushGuard } from './push-guard.ts'
import type { RefIncident, RefRow, RefRows } from './refs.ts'
import type { Repository } from './repository.ts'

export interface GuardOptions {
  database: SqliteDatabase
  refs: RefRows
  guard: PushGuard
  now: () => number
}

/**
 * Compares every ref of the repository with its row. Takes no lock against our own pushes: each ref is put back by
 * compare-and-swap from what was seen, and only what was really put back is an incident. Reported under `hooks/pre-receive`:
 * the hook, or the hash of the secret, had been changed.
 */
export async function checkRefs(repository: Repository, options: GuardOptions): Promise<RefIncident[]> {
  const { database, refs, guard, now } = options
  const { project, path, base } = repository
  const incidents: RefIncident[] = []
  const note = (ref: string, expected: string | null, found: string | null) => incidents.push({ project, ref, expected, found, at: now() })
  if (guard.restore()) note('hooks/pre-receive', 'ours', 'changed')

  const found = await readAllRefs(path, 'refs')
  // The rows are read after the refs: a push of ours that began meanwhile has written its row before it moved anything.
  const rows = refs.all(project)
  for (const ref of new Set([...found.keys(), ...rows.keys()])) {
    const actual = found.get(ref) ?? null
    const row = rows.get(ref)
    if (isExpected(row, actual)) continue
    if (ref === base.ref) {
      // The user's repository alone says what the base is; a mirror that a kill left behind the user is no incident.
      const truth = await repository.syncBase()
      if (actual === truth || actual === refs.get(project, ref)?.sha) continue
      if (await repository.moveBase(() => put(path, ref, truth, actual))) note(ref, truth, actual)
      continue
    }
    // A publication or a landing has changed what is expected since: it is looked at again the next time.
    const stands = () => isSame(refs.get(project, ref), row)
    if (!stands()) continue
    const expected = row?.sha ?? null
    if (isLeftOver(database, project, ref, actual)) await put(path, ref, null, actual)
    else if (await put(path, ref, expected, actual)) {
      if (stands()) note(ref, expected, actual)
      else await put(path, ref, refs.get(project, ref)?.sha ?? null, expected)
    }
  }
  for (const incident of incidents) refs.addIncident(incident)
  return incidents
}

const isSame = (a: RefRow | undefined, b: RefRow | undefined): boolean => a?.sha === b?.sha && a?.pending === b?.pending

function isExpected(row: RefRow | undefined, actual: string | null): boolean {
  return (row?.sha ?? null) === actual || (actual !== null && row?.pending === actual)
}

/** The branch of a landed pull request whose removal a kill has interrupted. */
function isLeftOver(database: SqliteDatabase, project: string, ref: string, sha: string | null): boolean {
  const query = database.prepare<[string, string, string | null]>(
    "SELECT 1 FROM forge_pull_request WHERE project = ? AND 'refs/heads/' || head_ref = ? AND head_sha = ? AND state = 'merged'",
  )
  return query.get(project, ref, sha) !== undefined
}

/** Moves the ref from exactly `from`; false when it is not there any more. */
async function put(path: string, ref: string, to: string | null, from: string | null): Promise<boolean> {
  if (from !== null) return update(path, to === null ? ['-d', ref, from] : [ref, to, from])
  if (to === null) return false
  const fresh = [ref, to, '0'.repeat(to.length)]
  if (await update(path, fresh)) return true
  // A push of ours may have made it since; else it is not missing but unreadable, and git makes it only when the file is gone.
  const { exitCode } = await git(['rev-parse', '--verify', '--quiet', ref], { cwd: path, allow: [0, 1, 128] })
  if (exitCode === 0) return false
  await rm(join(path, ref), { force: true })
  return update(path, fresh)
}

async function update(path: string, args: string[]): Promise<boolean> {
  const { exitCode } = await git(['update-ref', '--no-deref', ...args], { cwd: path, allow: [0, 1, 128] })
  return exitCode === 0
}
