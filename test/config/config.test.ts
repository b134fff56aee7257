// signalbox.config.json: found, read strictly, and told about in sentences that name the key.

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { format, inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  assertSecrets,
  type Config,
  defaultDataFolder,
  type Environment,
  findConfig,
  loadConfig,
  makeDataFolder,
  operatorTokenOf,
  parseConfig,
  readEnvironment,
} from '../../src/config.ts'

let folder: string
let environment: Environment

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'signalbox-config-')))
  environment = readEnvironment({ HOME: join(folder, 'home'), TOKEN: 'from-the-environment', PORT: '9999', FLAG: 'false', EMPTY: '' })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const least = { agents: { mine: { kind: 'command', command: './agent.sh' } }, projects: [{ id: 'app', repo: '.' }] }

/** The least configuration, with these keys more. */
function parse(more: object = {}, variables: Environment = environment): Config {
  return parseText(JSON.stringify({ ...least, ...more }), variables)
}

function parseText(text: string, variables: Environment = environment): Config {
  return parseConfig(text, join(folder, 'signalbox.config.json'), variables)
}

function refusal(action: () => unknown): { code: string; message: string } {
  try {
    action()
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return { code, message }
  }
  throw new Error('It was accepted')
}

describe('what is filled in', () => {
  test('the least configuration has every default', () => {
    const config = parse()
    expect(config.server).toEqual({ host: '127.0.0.1', port: 8787, publicUrl: null, operatorToken: null, metrics: 'token' })
    expect(config.limits).toEqual({
      activeRuns: 4,
      checks: 4,
      run: 7_200_000,
      progress: 900_000,
      nudge: 300_000,
      ending: 15_000,
      probe: 30_000,
      completion: 90_000,
      ...{ stalls: 1, commits: 1, completionChecks: 2, resumes: 3, forks: 1, restarts: 1 },
      usdPerDay: null,
    })
    expect(config.tracker).toEqual({ kind: 'local' })
    expect(config.store.retention).toBe(14 * 86_400_000)
    expect(config.projects[0]).toMatchObject({ agent: 'mine', branchPrefix: 'signalbox', ci: null, review: { by: 'human' } })
  })

  test('budgets and delays hold only what the file names: their defaults are the policy of the machine', () => {
    const [project] = parse({ projects: [{ id: 'app', repo: '.', budgets: { runs: null, usd: 2.5 }, delays: { settle: '0s' } }] }).projects
    expect(project!.budgets).toEqual({ runs: null, usd: 2.5 })
    expect(project!.delays).toEqual({ settle: 0 })
    expect(parse().projects[0]!.budgets).toEqual({})
  })

  test('keys of what this version cannot run yet are read and kept', () => {
    const config = parse({
      tracker: { kind: 'linear', clientId: 'id', clientSecret: '$TOKEN' },
      forge: { kind: 'github', appId: 12, privateKey: 'file:key.pem' },
      projects: [{ id: 'app', repo: 'acme/app' }],
      agents: { codex: { kind: 'codex', model: 'm' } },
      prices: { m: { input: 1, output: 2 } },
    })
    expect(config.tracker).toMatchObject({ kind: 'linear', clientId: 'id', apiUrl: 'https://api.linear.app/graphql' })
    expect(config.forge).toMatchObject({ kind: 'github', appId: '12' })
    expect(config.agents['codex']).toMatchObject({ command: 'codex app-server', sandbox: 'workspace-write' })
    expect(config.prices['m']).toEqual({ input: 1, output: 2 })
  })

  test('an agent stands in for another along a chain that ends, of agents that are there', () => {
    const agent = (failover: string | null) => ({ kind: 'command', command: 'x', failover })
    const read = (agents: object) => parse({ agents, projects: [{ id: 'app', repo: '.', agent: 'a' }] })
    expect(read({ a: agent('b'), b: agent('c'), c: agent(null) }).agents['a']!.failover).toBe('b')
    expect(refusal(() => read({ a: agent('bb'), b: agent(null) })).message).toContain(
      'agents.a.failover: "bb" is not one of `agents` (a, b); did you mean "b"?',
    )
    const { message } = refusal(() => read({ a: agent('b'), b: agent('c'), c: agent('b') }))
    expect(message).toContain('agents.b.failover: leads back to "b" (b → c → b): one of them has to be the last')
    expect(message).not.toContain('agents.a.failover')
    expect(refusal(() => read({ a: agent('a') })).message).toContain('(a → a)')
  })

  test('comments, trailing commas and a byte order mark are read', () => {
    expect(parseText(`\uFEFF// a\n{ /* b */ ${JSON.stringify(least).slice(1, -1)}, }`).projects[0]!.id).toBe('app')
  })

  test('relative paths start at the file, and ~/ at the home folder (edge 341)', () => {
    const { store, dataFolder, projects } = parse({ store: { path: 'data/signalbox.db' }, projects: [{ id: 'app', repo: '../app' }] })
    expect(store.path).toBe(join(folder, 'data/signalbox.db'))
    expect(dataFolder).toBe(join(folder, 'data'))
    expect(projects[0]!.repo).toBe(join(dirname(folder), 'app'))
    expect(parse({ store: { path: '~/s.db' } }).store.path).toBe(join(folder, 'home/s.db'))
    const prompts = { extra: 'prompts/more.md' }
    expect(parse({ projects: [{ id: 'app', repo: '.', prompts }] }).projects[0]!.prompts.extra).toBe(join(folder, 'prompts/more.md'))
  })

  test.each(['https://host/a.git', 'ssh://host/a', 'git@host:a/b.git', 'file:///a/b'])('%s is an address, not a path', (repo) => {
    expect(parse({ projects: [{ id: 'app', repo }] }).projects[0]!.repo).toBe(repo)
  })

  test('owner/name is a path for the embedded forge and a name for GitHub', () => {
    const projects = [{ id: 'app', repo: 'owner/name' }]
    expect(parse({ projects }).projects[0]!.repo).toBe(join(folder, 'owner/name'))
    expect(parse({ projects, forge: { kind: 'github', token: 'ghp_x' } }).projects[0]!.repo).toBe('owner/name')
  })

  test('the data folder is one for each file, also reached through a link', () => {
    const file = join(folder, 'signalbox.config.json')
    expect(parse().dataFolder).toMatch(new RegExp(`^${join(folder, 'home/.local/state/signalbox')}/signalbox-config-.*-[0-9a-f]{10}$`))
    const link = `${folder}-link`
    symlinkSync(folder, link)
    try {
      expect(defaultDataFolder(join(link, 'signalbox.config.json'), environment)).toBe(defaultDataFolder(file, environment))
    } finally {
      rmSync(link)
    }
    expect(defaultDataFolder(join(folder, 'other.json'), environment)).not.toBe(defaultDataFolder(file, environment))
  })

  test('XDG folders are used when they are absolute and ignored otherwise', () => {
    expect(readEnvironment({ HOME: '/h', XDG_STATE_HOME: '/s', XDG_CONFIG_HOME: 'c' })).toMatchObject({
      stateFolder: '/s/signalbox',
      configFolder: '/h/.config/signalbox',
    })
  })
})

describe('texts that stand for something else', () => {
  test('F24: $NAME, file: and credential: are replaced wherever they are the whole text', () => {
    writeFileSync(join(folder, 'host.txt'), '127.0.0.2\n')
    mkdirSync(join(folder, 'credentials'))
    writeFileSync(join(folder, 'credentials', 'base'), 'trunk')
    const variables = { ...environment, variables: { ...environment.variables, CREDENTIALS_DIRECTORY: join(folder, 'credentials') } }
    const config = parse(
      {
        server: { host: 'file:host.txt', port: '$PORT' },
        webhooks: '$FLAG',
        agents: { mine: { kind: 'command', command: 'x', env: { A: '$TOKEN', B: 'a $TOKEN', C: '$TOKEN/x' } } },
        projects: [{ id: 'app', repo: '.', baseBranch: 'credential:base' }],
      },
      variables,
    )
    expect(config.server).toMatchObject({ host: '127.0.0.2', port: 9999 })
    expect(config.webhooks).toBe(false)
    expect(config.agents['mine']!.env).toEqual({ A: 'from-the-environment', B: 'a $TOKEN', C: '$TOKEN/x' })
    expect(config.projects[0]!.baseBranch).toBe('trunk')
  })

  test('commands are left as they are', () => {
    const [project] = parse({
      projects: [{ id: 'app', repo: '.', ci: { command: '$TOKEN' }, hooks: { prepare: 'file:x' } }],
      agents: { mine: { kind: 'command', command: '$HOME' } },
    }).projects
    expect(project!.ci!.command).toBe('$TOKEN')
    expect(project!.hooks.prepare).toBe('file:x')
    expect(parse({ agents: { mine: { kind: 'command', command: '$NOPE' } } }).agents['mine']!.command).toBe('$NOPE')
  })

  test.each([
    ['$NOPE', 'the environment variable NOPE is not set'],
    ['file:nope', 'nope does not exist'],
    ['file:.', 'is a folder'],
    ['credential:nope', '$CREDENTIALS_DIRECTORY is not set'],
    ['credential:../nope', 'is not the name of a credential'],
  ])('%s that cannot be read names its key', (host, reason) => {
    const { code, message } = refusal(() => parse({ server: { host } }))
    expect(code).toBe('unreadable-value')
    expect(message).toContain(`server.host: cannot read "${host}"`)
    expect(message).toContain(reason)
  })

  test('a value deep in a list names its full key', () => {
    const { message } = refusal(() => parse({ projects: [{ id: 'app', repo: '.', tracker: { teams: ['A', '$NOPE'] } }] }))
    expect(message).toContain('projects[0].tracker.teams[1]')
  })
})

describe('secrets', () => {
  test('a secret is read when it is asked for, and never printed', () => {
    const config = parse({ server: { operatorToken: '$TOKEN' }, notify: { url: 'https://secret.example' } })
    expect(operatorTokenOf(config)).toBe('from-the-environment')
    const everything = [
      inspect(config, { depth: 9, showHidden: true }),
      JSON.stringify(config),
      `${config.server.operatorToken}`,
      format('%o %s', config, config),
    ]
    for (const text of everything) {
      expect(text).not.toContain('from-the-environment')
      expect(text).not.toContain('secret.example')
    }
    expect(JSON.stringify(config)).toContain('"operatorToken":"[secret]"')
  })

  test('one that cannot be read stops a start, not the reading of the file (edge 353)', () => {
    const config = parse({ tracker: { kind: 'linear', clientSecret: '$NOPE', webhookSecret: '$EMPTY' } })
    expect(refusal(() => assertSecrets(config)).message).toContain('tracker.clientSecret: cannot read "$NOPE"')
    const empty = parse({ server: { operatorToken: '$EMPTY' } })
    expect(refusal(() => operatorTokenOf(empty)).message).toContain('server.operatorToken: cannot read "$EMPTY": it is empty')
  })

  test('without an operator token it says how to make one', () => {
    const { code, message } = refusal(() => operatorTokenOf(parse()))
    expect(code).toBe('no-operator-token')
    expect(message).toContain('signalbox init')
  })

  test('a refused value next to a secret does not show it', () => {
    const { message } = refusal(() => parse({ server: { operatorToken: 'in-clear', port: 'x' } }))
    expect(message).not.toContain('in-clear')
  })
})

describe('what is refused', () => {
  const cases: [string, object, string][] = [
    ['an unknown key at the top', { servr: {} }, 'servr: unknown key; did you mean "server"?'],
    ['an unknown key inside', { server: { prot: 1 } }, 'server.prot: unknown key; did you mean "server.port"?'],
    [
      'a key like no other',
      { server: { zzzzzzzz: 1 } },
      'server.zzzzzzzz: unknown key; known here: host, port, publicUrl, operatorToken, metrics',
    ],
    [
      'an unknown key of a project',
      { projects: [{ id: 'app', repo: '.', budgets: { cirepair: 1 } }] },
      'projects[0].budgets.cirepair: unknown key; did you mean "projects[0].budgets.ci_repair"?',
    ],
    [
      'an unknown key of the chosen kind',
      { tracker: { kind: 'linear', clientid: 'x' } },
      'tracker.clientid: unknown key; did you mean "tracker.clientId"?',
    ],
    ['a key of the other kind', { tracker: { kind: 'local', clientId: 'x' } }, 'tracker.clientId: unknown key'],
    [
      'an unknown kind',
      { tracker: { kind: 'linaer' } },
      'tracker.kind: must be one of "local", "linear", not "linaer"; did you mean "linear"?',
    ],
    ['a missing kind', { forge: {} }, 'forge.kind: is missing; it must be one of "local", "github"'],
    [
      'a word that is not allowed',
      { projects: [{ id: 'app', repo: '.', review: { by: 'humans' } }] },
      'projects[0].review.by: must be one of "human", "agent", "none", not "humans"; did you mean "human"?',
    ],
    [
      'an unknown type of run',
      { projects: [{ id: 'app', repo: '.', agents: { ci_repar: 'mine' } }] },
      'projects[0].agents.ci_repar: unknown key; did you mean "projects[0].agents.ci_repair"?',
    ],
    ['a port that is none', { server: { port: 70_000 } }, 'server.port: must be at most 65535, not 70000'],
    ['a number for a duration', { limits: { run: 5 } }, 'limits.run: must be a duration such as "15s", "20m" or "14d", not 5'],
    ['a duration that is none', { limits: { run: '2 hours' } }, 'limits.run: must be a duration'],
    ['a number as text', { limits: { activeRuns: '4' } }, 'limits.activeRuns: must be a whole number, not "4"'],
    ['null where a value is needed', { webhooks: null }, 'webhooks: must be true or false, not null'],
    [
      'a secret that is no text',
      { server: { operatorToken: 5 } },
      'server.operatorToken: must be a text such as "$NAME", "file:PATH" or "credential:NAME", or null, not 5',
    ],
    [
      'an address that is none',
      { server: { publicUrl: 'ftp://x' } },
      'server.publicUrl: must be an address that begins with http:// or https://',
    ],
    ['a missing id', { projects: [{ repo: '.' }] }, 'projects[0].id: is missing'],
    ['an id that no key can be made of', { projects: [{ id: 'a b', repo: '.' }] }, 'projects[0].id: must match'],
    [
      'two ids that give the same keys',
      {
        projects: [
          { id: 'app', repo: '.' },
          { id: 'APP', repo: '.' },
        ],
      },
      'projects[1].id: is the id of projects[0] as well',
    ],
    ['a forge that nobody lets in', { forge: { kind: 'github' } }, 'forge.token: is missing, or `appId` with `privateKey`'],
    ['half an App', { forge: { kind: 'github', appId: 1 } }, 'forge.privateKey: is missing: an App has both an id and a private key'],
    [
      'a repository that GitHub does not write so',
      { forge: { kind: 'github', token: 't' }, projects: [{ id: 'app', repo: 'https://github.com/acme/app' }] },
      'projects[0].repo: "https://github.com/acme/app" is not owner/name',
    ],
    [
      'one repository of GitHub for two projects',
      {
        forge: { kind: 'github', token: 't' },
        projects: [
          { id: 'app', repo: 'acme/app' },
          { id: 'web', repo: 'Acme/App' },
        ],
      },
      'projects[1].repo: is the repository of projects[0] as well',
    ],
    [
      'one team of Linear for two projects (edge 350)',
      {
        tracker: { kind: 'linear' },
        projects: [
          { id: 'app', repo: '.', tracker: { teams: ['ENG'] } },
          { id: 'web', repo: '.', tracker: { teams: ['ENG'] } },
        ],
      },
      'projects[1].tracker.teams: "ENG" is a team of projects[0] as well',
    ],
    [
      'one project of Linear for two of ours (edge 350)',
      {
        tracker: { kind: 'linear' },
        projects: [
          { id: 'app', repo: '.', tracker: { projects: ['Site'] } },
          { id: 'web', repo: '.', tracker: { projects: ['Site'] } },
        ],
      },
      'projects[1].tracker.projects: "Site" is in projects[0] as well',
    ],
    ['no project', { projects: [] }, 'projects: must have at least 1 entry'],
    ['no agent', { agents: {} }, 'agents: names no agent'],
    [
      'an agent that is not there',
      { projects: [{ id: 'app', repo: '.', agent: 'mien' }] },
      'projects[0].agent: "mien" is not one of `agents` (mine); did you mean "mine"?',
    ],
    [
      'several agents and none chosen',
      { agents: { a: { kind: 'acp', command: 'x' }, b: { kind: 'acp', command: 'x' } } },
      'projects[0].agent: is missing; there are several agents: a, b',
    ],
    [
      'a branch prefix that git refuses',
      { projects: [{ id: 'app', repo: '.', branchPrefix: 'a..b/' }] },
      'projects[0].branchPrefix: must be the beginning of a branch name',
    ],
    ['a duration longer than a year', { limits: { run: '999999999999m' } }, 'limits.run: must be at most 365d, not "999999999999m"'],
    [
      'a delay longer than a year',
      { projects: [{ id: 'app', repo: '.', delays: { recovery: '366d' } }] },
      'projects[0].delays.recovery: must be at most 365d, not "366d"',
    ],
    ['a limit of no length', { limits: { run: '0s' } }, 'limits.run: must be at least 1ms, not "0s" (line '],
    ['one of less than a millisecond', { limits: { completion: '0.4ms' } }, 'limits.completion: must be at least 1ms, not "0.4ms"'],
    ['polling without a pause', { polling: { shortest: '0s' } }, 'polling.shortest: must be at least 1ms, not "0s"'],
    [
      'a timeout of no length',
      { projects: [{ id: 'app', repo: '.', ci: { command: 'x', timeout: '0m' } }] },
      'projects[0].ci.timeout: must be at least 1ms',
    ],
    [
      'a hook without any time',
      { projects: [{ id: 'app', repo: '.', hooks: { timeout: '0s' } }] },
      'projects[0].hooks.timeout: must be at least 1ms',
    ],
    [
      'a bound that nothing keeps',
      { agents: { mine: { kind: 'command', command: 'x', bounds: { cpu: '0s' } } } },
      'agents.mine.bounds.cpu: must be at least 1ms, or null, not "0s"',
    ],
    [
      'a landing that is tried again without a pause',
      { projects: [{ id: 'app', repo: '.', landing: { retry: { held: '0s' } } }] },
      'projects[0].landing.retry.held: must be at least 1ms',
    ],
    [
      'a name of a variable that is none',
      { agents: { mine: { kind: 'command', command: 'x', env: { 'A-B': '1' } } } },
      'agents.mine.env.A-B: "A-B" is not allowed as a name',
    ],
  ]
  test('a duration of a year is taken, and for what may not be waited for at all none', () => {
    expect(parse({ store: { retention: '365d' } }).store.retention).toBe(365 * 86_400_000)
    const delays = { recovery: '0s', longest: '0s', settle: '0s', confirmation: '0s' }
    expect(parse({ projects: [{ id: 'app', repo: '.', delays }] }).projects[0]!.delays).toEqual({
      ...{ recovery: 0, longest: 0, settle: 0, confirmation: 0 },
    })
  })

  test.each(cases)('%s', (_, more, sentence) => {
    const { code, message } = refusal(() => parse(more))
    expect(code).toBe('configuration-invalid')
    expect(message).toContain(sentence)
    expect(message).toContain(join(folder, 'signalbox.config.json'))
  })

  test.each(['a..b', 'x.lock', 'x.lock/y', 'x.', 'x/', '/x', '.x', 'x//y', '-x', 'x y', 'x~', 'x@{y'])(
    '%j begins no branch name, as git has it',
    (branchPrefix) => {
      const { message } = refusal(() => parse({ projects: [{ id: 'app', repo: '.', branchPrefix }] }))
      expect(message).toContain(`projects[0].branchPrefix: must be the beginning of a branch name`)
      expect(message).toContain(`not "${branchPrefix}"`)
    },
  )

  test.each(['signalbox', 'bots/app', 'x.y', 'x.locked', 'x.lock.y', 'A-1_b'])('%j begins a branch name that git takes', (branchPrefix) => {
    expect(parse({ projects: [{ id: 'app', repo: '.', branchPrefix }] }).projects[0]!.branchPrefix).toBe(branchPrefix)
    execFileSync('git', ['check-ref-format', '--branch', `${branchPrefix}/app-1`])
  })

  test('everything that is wrong is told at once, with its line', () => {
    const text = `{\n  "agents": { "mine": { "kind": "command", "command": "x" } },\n  "srever": {},\n  "projects": [\n    { "id": "app", "repos": "." },\n  ],\n}`
    const { message } = refusal(() => parseText(text))
    expect(message).toContain('srever: unknown key; did you mean "server"? (line 3)')
    expect(message).toContain('projects[0].repo: is missing; must be a text (line 5)')
    expect(message).toContain('projects[0].repos: unknown key; did you mean "projects[0].repo"? (line 5)')
  })

  test.each([
    ['{\n"a": 1\n"b": 2 }', ':3: not readable as JSON with comments: comma expected'],
    ['{\n"a": ', ':2: not readable as JSON'],
    ['[]', 'an object ({ … }) is expected'],
    ['', 'not readable as JSON'],
    ['{ "webhooks": true,\n "webhooks": false }', ':2: the key "webhooks" is there twice'],
  ])('%j', (text, sentence) => {
    const { code, message } = refusal(() => parseText(text))
    expect(code).toBe('configuration-invalid')
    expect(message).toContain(sentence)
  })
})

describe('finding it', () => {
  const name = 'signalbox.config.json'

  test('upward from the working folder, then among the configurations of the user', () => {
    const deep = join(folder, 'a', 'b')
    mkdirSync(deep, { recursive: true })
    const missing = refusal(() => findConfig({ cwd: deep, environment }))
    expect(missing.code).toBe('no-configuration')
    expect(missing.message).toContain('signalbox init')
    mkdirSync(environment.configFolder, { recursive: true })
    writeFileSync(join(environment.configFolder, name), '{}')
    expect(findConfig({ cwd: deep, environment })).toBe(join(environment.configFolder, name))
    writeFileSync(join(folder, name), '{}')
    expect(findConfig({ cwd: deep, environment })).toBe(join(folder, name))
    writeFileSync(join(deep, name), '{}')
    expect(findConfig({ cwd: deep, environment })).toBe(join(deep, name))
  })

  test('the one that is named is taken, or told about', () => {
    expect(findConfig({ file: 'x.json', cwd: folder, environment })).toBe(join(folder, 'x.json'))
    const { code, message } = refusal(() => loadConfig({ file: 'x.json', cwd: folder, environment }))
    expect(code).toBe('configuration-unreadable')
    expect(message).toContain(`${join(folder, 'x.json')} does not exist`)
  })
})

describe('the data folder', () => {
  test('is made for this user alone', () => {
    const config = parse()
    makeDataFolder(config)
    expect(statSync(config.dataFolder).mode & 0o777).toBe(0o700)
    makeDataFolder(config)
  })

  test('a path that runs through a file says so', () => {
    writeFileSync(join(folder, 'file'), '')
    const { code, message } = refusal(() => makeDataFolder(parse({ store: { path: 'file/data/s.db' } })))
    expect(code).toBe('data-folder-unusable')
    expect(message).toContain('store.path')
  })

  // In a process of its own: what never ends would hold up the test as well.
  test.runIf(process.platform === 'linux')('a place where no folders can be made says so', () => {
    const script = `import { makeDataFolder } from ${JSON.stringify(join(import.meta.dirname, '../../src/config.ts'))}
      try { makeDataFolder({ dataFolder: '/proc/x/y' }) } catch ({ code, message }) { console.log(code, message) }`
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000, encoding: 'utf8' })
    expect(said).toMatch(/^data-folder-unusable Cannot write to the data folder \/proc\/x\/y: .*store\.path/)
  })

  test.runIf(process.getuid?.() !== 0)('a folder that may not be written says so', () => {
    mkdirSync(join(folder, 'data'))
    chmodSync(join(folder, 'data'), 0o500)
    expect(refusal(() => makeDataFolder(parse({ store: { path: 'data/s.db' } }))).code).toBe('data-folder-unusable')
  })

  test.runIf(canMount())('a full disk and a read-only one say so', () => {
    const data = join(folder, 'data')
    mkdirSync(data)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', data])
    try {
      try {
        writeFileSync(join(data, 'fill'), Buffer.alloc(1024 * 1024))
      } catch {
        // It is meant to be full.
      }
      expect(refusal(() => makeDataFolder(parse({ store: { path: 'data/s.db' } }))).code).toBe('disk-full')
      execFileSync('mount', ['-o', 'remount,ro', data])
      expect(refusal(() => makeDataFolder(parse({ store: { path: 'data/s.db' } }))).code).toBe('data-folder-unusable')
    } finally {
      execFileSync('umount', [data])
    }
  })
})

/** Whether this process may mount a file system, as root of a machine or a container may. */
function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const probe = mkdtempSync(join(tmpdir(), 'signalbox-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe])
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { recursive: true, force: true })
  }
}
