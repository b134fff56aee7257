// Git over HTTP: `git http-backend` serves the bare repositories, and a push is followed by what follows a push on GitHub.

import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { IncomingMessage } from 'node:http'
import { canSee, demand } from './auth.ts'
import type { Credential } from './auth.ts'
import { pushVerdict } from './protection.ts'
import { findRepository, refMoved } from './repositories.ts'
import type { Account, Repository, World } from './state.ts'
import { spawnGit } from './spawner.ts'
import { Refusal, ZERO } from './state.ts'

export interface GitAnswer {
  status: number
  headers: Record<string, string>
  body: Buffer
}

const plain = (status: number, message: string, headers: Record<string, string> = {}): GitAnswer => ({
  status,
  headers: { 'Content-Type': 'text/plain', ...headers },
  body: Buffer.from(`${message}\n`),
})

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="GitHub"' }

/** Pushes to one repository happen one after another: what each of them changed is then certain. */
const pushes = new WeakMap<Repository, Promise<unknown>>()

export async function serveGit(
  world: World,
  request: IncomingMessage,
  url: URL,
  body: Buffer,
  credential: Credential | Refusal,
): Promise<GitAnswer> {
  if (credential instanceof Refusal)
    return plain(credential.status, 'Invalid username or token. Password authentication is not supported for Git operations.', CHALLENGE)
  const match = /^\/([^/]+)\/([^/]+)\.git\/(.+)$/.exec(url.pathname)!
  const found = findRepository(world, decodeURIComponent(match[1]!), decodeURIComponent(match[2]!))
  if (found === undefined || !canSee(credential, found.repository)) {
    return credential.kind === 'none' ? plain(401, 'Authentication required', CHALLENGE) : plain(404, 'Repository not found.')
  }
  const { repository } = found
  const writes = match[3] === 'git-receive-pack' || url.searchParams.get('service') === 'git-receive-pack'
  if (writes && credential.kind === 'none') return plain(401, 'Authentication required', CHALLENGE)
  try {
    demand(credential, repository, writes ? 'contents:write' : 'contents:read')
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const who = credential.kind === 'installation' || credential.kind === 'user' ? credential.account.login : 'you'
    return plain(403, writes ? `Permission to ${match[1]}/${match[2]}.git denied to ${who}.` : 'Write access to repository not granted.')
  }
  if (writes && repository.archived) return plain(403, 'This repository was archived so it is read-only.')
  if (match[3] !== 'git-receive-pack') return backend(request, repository, match[3]!, url, body, {})
  const before = pushes.get(repository) ?? Promise.resolve()
  const turn = before.then(() => push(world, request, repository, url, body, (credential as { account: Account }).account))
  pushes.set(
    repository,
    turn.catch(() => {}),
  )
  return turn
}

async function push(
  world: World,
  request: IncomingMessage,
  repository: Repository,
  url: URL,
  body: Buffer,
  by: Account,
): Promise<GitAnswer> {
  const commands = parseCommands(body)
  const rules = commands.flatMap(({ ref, sha }) => {
    if (!ref.startsWith('refs/heads/')) return []
    const verdict = pushVerdict(repository, ref.slice(11), sha === ZERO ? undefined : sha, by)
    if (verdict === undefined) return []
    if (verdict.refusal !== undefined) return [`${ref}\trefuse\t${verdict.refusal}`]
    return [
      `${ref}\t${verdict.forwardOnly ? 'forward' : 'any'}\t${verdict.approved === undefined ? '*' : verdict.approved.join(' ')}\t${verdict.linear ? 'linear' : ''}`,
    ]
  })
  const environment = rules.length === 0 ? {} : { ...(await hooks(world)), TWIN_RULES: rules.join('\n') }
  const answer = await backend(request, repository, 'git-receive-pack', url, body, environment)
  const refs = commands.map((command) => command.ref)
  const now = await repository.git.at(refs)
  for (const ref of refs) {
    const old = repository.refs.get(ref)
    const sha = now.get(ref)
    if (old !== sha) await refMoved(world, repository, ref, old, sha, by)
  }
  world.background(() => repository.git.tend())
  return answer
}

/** The ref updates at the beginning of a push. */
function parseCommands(body: Buffer): { ref: string; sha: string }[] {
  const commands: { ref: string; sha: string }[] = []
  let offset = 0
  while (offset + 4 <= body.length) {
    const length = Number.parseInt(body.subarray(offset, offset + 4).toString(), 16)
    if (!(length > 4)) break
    const [line] = body
      .subarray(offset + 4, offset + length)
      .toString()
      .split('\0')
    const match = /^[0-9a-f]{40} ([0-9a-f]{40}) (.+?)\n?$/.exec(line!)
    if (match !== null) commands.push({ sha: match[1]!, ref: match[2]! })
    offset += length
  }
  return commands
}

/** Judges each ref of a push where git asks: what depends on the pushed objects is only known there. */
const UPDATE_HOOK = `#!/bin/sh
ref=$1 old=$2 new=$3
tab=$(printf '\\t')
rule=$(printf '%s\\n' "$TWIN_RULES" | grep "^$ref$tab" | head -n 1)
[ -z "$rule" ] && exit 0
kind=$(printf '%s' "$rule" | cut -f 2)
rest=$(printf '%s' "$rule" | cut -f 3)
linear=$(printf '%s' "$rule" | cut -f 4)
refuse() { echo "error: GH006: Protected branch update failed for $ref."; echo "error: $1"; exit 1; }
[ "$kind" = refuse ] && refuse "$rest"
case $old in *[!0]*) [ "$kind" = forward ] && { git merge-base --is-ancestor "$old" "$new" || refuse "Cannot force-push to this branch"; };; esac
[ "$linear" = linear ] && [ -n "$(git rev-list --merges --max-count=1 "$old..$new")" ] && refuse "This branch must not contain merge commits."
[ "$rest" = '*' ] && exit 0
second=$(git rev-parse -q --verify "$new^2")
for sha in $rest; do [ "$sha" = "$new" ] && exit 0; [ "$sha" = "$second" ] && exit 0; done
refuse "At least 1 approving review is required by reviewers with write access."
`

const made = new WeakMap<World, Promise<Record<string, string>>>()

/** The environment that makes git ask the hook; an ordinary push does without and is faster. */
function hooks(world: World): Promise<Record<string, string>> {
  let environment = made.get(world)
  if (environment === undefined) {
    environment = (async () => {
      const folder = join(world.folder, 'hooks')
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'update'), UPDATE_HOOK, { mode: 0o755 })
      return { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.hooksPath', GIT_CONFIG_VALUE_0: folder }
    })()
    made.set(world, environment)
  }
  return environment
}

async function backend(
  request: IncomingMessage,
  repository: Repository,
  path: string,
  url: URL,
  body: Buffer,
  extra: Record<string, string>,
): Promise<GitAnswer> {
  const environment: Record<string, string | undefined> = {
    PATH: process.env['PATH'],
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_PROJECT_ROOT: dirname(repository.git.folder),
    PATH_INFO: `/${basename(repository.git.folder)}/${path}`,
    REQUEST_METHOD: request.method,
    QUERY_STRING: url.search.slice(1),
    CONTENT_TYPE: request.headers['content-type'],
    CONTENT_LENGTH: String(body.length),
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
    GIT_PROTOCOL: request.headers['git-protocol'] as string | undefined,
    REMOTE_USER: 'twin',
    ...extra,
  }
  const { out: output, err } = await spawnGit(['http-backend'], { env: environment, input: body })
  const end = output.indexOf('\r\n\r\n')
  if (end === -1) return plain(500, `git http-backend: ${err.toString()}`)
  const answer: GitAnswer = { status: 200, headers: {}, body: output.subarray(end + 4) }
  for (const line of output.subarray(0, end).toString().split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    const value = line.slice(colon + 1).trim()
    if (name.toLowerCase() === 'status') answer.status = Number(value.split(' ')[0])
    else answer.headers[name] = value
  }
  return answer
}
