// Owns the rows of the workspaces that have let us in, and their tokens. Invariants: a token is encrypted wherever it is
// written; a new refresh token is stored before anything is done with the access token that came with it; of one workspace
// one refresh is under way at a time.

import type { SqliteDatabase } from '../../../persistence/database.ts'
import { FatalError, toErrorData } from '../../../errors.ts'
import { remedies, type Health } from './health.ts'
import type { Vault } from './vault.ts'

export interface WorkspaceRow {
  id: string
  name: string
  url_key: string
  app_user: string
  app_name: string
  scopes: string
  access_token: string
  refresh_token: string | null
  expires_at: number | null
  health: Health
  reason: string | null
  connected_at: number
  updated_at: number
}

export interface Tokens {
  accessToken: string
  refreshToken: string | null
  /** Epoch ms; null: it does not end. */
  expiresAt: number | null
  scopes: string
}

export interface Workspaces {
  all: () => WorkspaceRow[]
  find: (id: string) => WorkspaceRow | undefined
  /** Throws FatalError `linear-unauthorized` for one that has not let us in. */
  need: (id: string) => WorkspaceRow
  /** To let us in gives back no access to teams: where it was missing, it is until somebody has looked. */
  save: (workspace: { id: string; name: string; urlKey: string; appUser: string; appName: string }, tokens: Tokens) => void
  /** What is worse than before is logged, with what to do. */
  setHealth: (id: string, health: Health, reason: string | null) => void
  /** By its id, name or address, or the only one. Throws FatalError `unknown-workspace`. */
  named: (name: string | undefined) => WorkspaceRow
  /** The token that all others of the workspace hang on. */
  root: (id: string) => string
  forget: (id: string) => void
  /** A token that is good for some minutes yet. Throws what a refresh does. */
  token: (id: string) => Promise<string>
  /** A token to use instead of `refused`, which Linear did not take. */
  replace: (id: string, refused: string) => Promise<string>
  /** Encrypts anew what was encrypted with a former key. Throws ConfigurationError `wrong-token-key`. */
  encryptAnew: () => void
}

/** A token that ends sooner than this is refreshed before it is used. */
const shortest = 5 * 60_000

export function createWorkspaces(options: {
  database: SqliteDatabase
  vault: Vault
  now: () => number
  /** Asks Linear for new tokens. */
  refresh: (refreshToken: string) => Promise<Tokens>
  log: (level: 'info' | 'warn', message: string) => void
  /** Nothing is written: what is found out about a workspace is only answered. */
  readOnly?: boolean
}): Workspaces {
  const { database, vault, now, refresh, log, readOnly = false } = options
  const all = database.prepare<[], WorkspaceRow>('SELECT * FROM linear_workspace ORDER BY id')
  const byId = database.prepare<[string], WorkspaceRow>('SELECT * FROM linear_workspace WHERE id = ?')
  const upsert = database.prepare<[Omit<WorkspaceRow, 'health' | 'reason'>]>(
    `INSERT INTO linear_workspace (id, name, url_key, app_user, app_name, scopes, access_token, refresh_token, expires_at, health, connected_at, updated_at)
     VALUES (@id, @name, @url_key, @app_user, @app_name, @scopes, @access_token, @refresh_token, @expires_at, 'ok', @connected_at, @updated_at)
     ON CONFLICT (id) DO UPDATE SET name = @name, url_key = @url_key, app_user = @app_user, app_name = @app_name, scopes = @scopes,
       access_token = @access_token, refresh_token = @refresh_token, expires_at = @expires_at, updated_at = @updated_at,
       reason = CASE health WHEN 'permissions_changed' THEN reason END, health = CASE health WHEN 'permissions_changed' THEN health ELSE 'ok' END`,
  )
  const setTokens = database.prepare<[Pick<WorkspaceRow, 'id' | 'access_token' | 'refresh_token' | 'expires_at' | 'updated_at'>]>(
    `UPDATE linear_workspace SET access_token = @access_token, refresh_token = @refresh_token, expires_at = @expires_at,
     updated_at = @updated_at WHERE id = @id`,
  )
  const writeHealth = database.prepare<[Health, string | null, number, string]>(
    'UPDATE linear_workspace SET health = ?, reason = ?, updated_at = ? WHERE id = ?',
  )
  const remove = database.prepare<[string]>('DELETE FROM linear_workspace WHERE id = ?')
  const underWay = new Map<string, Promise<string>>()

  function setHealth(id: string, health: Health, reason: string | null): void {
    const row = find(id)
    if (readOnly || row === undefined || (row.health === health && row.reason === reason)) return
    writeHealth.run(health, reason, now(), id)
    if (health !== 'ok') log('warn', `Linear workspace ${row.name}: ${reason} ${remedies[health]}`)
  }
  const find = (id: string): WorkspaceRow | undefined => byId.get(id)
  const open = (row: WorkspaceRow): string => vault.open(row.access_token, row.id)

  function need(id: string): WorkspaceRow {
    const row = find(id)
    if (row === undefined)
      throw new FatalError('linear-unauthorized', `The Linear workspace ${id} is not connected. Run \`signalbox connect linear\`.`)
    return row
  }

  function seal(id: string, { accessToken, refreshToken, expiresAt }: Tokens) {
    return {
      id,
      access_token: vault.seal(accessToken, id),
      refresh_token: refreshToken === null ? null : vault.seal(refreshToken, id),
      expires_at: expiresAt,
      updated_at: now(),
    }
  }

  function refreshOnce(id: string): Promise<string> {
    const running = underWay.get(id)
    if (running !== undefined) return running
    const run = renew(id).finally(() => underWay.delete(id))
    underWay.set(id, run)
    return run
  }

  async function renew(id: string): Promise<string> {
    const row = need(id)
    const { name } = row
    const lost = (reason: string, cause?: unknown): FatalError => {
      if (row.health !== 'revoked') setHealth(id, 'unauthorized', reason)
      return new FatalError(
        'linear-unauthorized',
        `Linear does not accept our token for ${name} any more: ${reason} ${remedies.unauthorized}`,
        { cause },
      )
    }
    if (row.refresh_token === null) throw lost('Its token has ended, and there is none to refresh it with.')
    try {
      const tokens = await refresh(vault.open(row.refresh_token, id))
      // Linear gives a new refresh token each time; where it does not, the old one stays good.
      setTokens.run(seal(id, tokens.refreshToken === null ? { ...tokens, refreshToken: vault.open(row.refresh_token, id) } : tokens))
      if (row.health === 'unauthorized') setHealth(id, 'ok', null)
      return tokens.accessToken
    } catch (error) {
      if (error instanceof FatalError && error.code === 'linear-unauthorized') throw lost(toErrorData(error).message, error)
      throw error
    }
  }

  return {
    all: () => all.all(),
    find,
    need,
    save({ id, name, urlKey, appUser, appName }, tokens) {
      const at = now()
      const identity = { name, url_key: urlKey, app_user: appUser, app_name: appName, scopes: tokens.scopes, connected_at: at }
      upsert.run({ ...seal(id, tokens), ...identity })
    },
    setHealth,
    named(name) {
      const rows = all.all()
      const wanted = name?.toLowerCase()
      const found = rows.filter(
        (row) => wanted === undefined || [row.id, row.name, row.url_key].some((one) => one.toLowerCase() === wanted),
      )
      if (found.length === 1) return found[0]!
      const choices =
        rows.length === 0
          ? 'None is connected.'
          : `Say which: ${rows
              .map((row) => row.url_key)
              .toSorted()
              .join(', ')}.`
      const what =
        name === undefined ? `${rows.length} workspaces of Linear are connected` : `There is no one workspace '${name}' of Linear`
      throw new FatalError('unknown-workspace', `${what}. ${choices}`)
    },
    root(id) {
      const row = need(id)
      return vault.open(row.refresh_token ?? row.access_token, id)
    },
    forget: (id) => void remove.run(id),
    async token(id) {
      const row = need(id)
      if (row.health === 'revoked') throw new FatalError('linear-unauthorized', `${row.name} has taken Signalbox out. ${remedies.revoked}`)
      if (row.expires_at !== null && row.expires_at - now() < shortest) return refreshOnce(id)
      return underWay.get(id) ?? open(row)
    },
    async replace(id, refused) {
      const present = open(need(id))
      return present === refused ? refreshOnce(id) : present
    },
    encryptAnew() {
      const work = database.transaction(() => {
        for (const row of all.all()) {
          if (!vault.isOld(row.access_token) && (row.refresh_token === null || !vault.isOld(row.refresh_token))) continue
          const refreshToken = row.refresh_token === null ? null : vault.open(row.refresh_token, row.id)
          setTokens.run(seal(row.id, { accessToken: open(row), refreshToken, expiresAt: row.expires_at, scopes: row.scopes }))
          log('info', `The tokens of the Linear workspace ${row.name} were encrypted with the new key.`)
        }
      })
      work.immediate()
    },
  }
}
