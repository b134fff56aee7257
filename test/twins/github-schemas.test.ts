// The published schemas hold the twin: an answer or a delivery that breaks them fails the test, and the committed ones are those that are published.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createGithubWorld } from './github-world.ts'
import { loadSchemas } from './github/schemas.ts'
import { PACKAGES, extractSchemas } from '../../scripts/extract-schemas.ts'

const run = promisify(execFile)
const folder = join(import.meta.dirname, 'github')

describe('the published schemas', () => {
  it('refuse what GitHub would not say', () => {
    const schemas = loadSchemas()
    expect(schemas.answer('GET /repos/{owner}/{repo}/pulls', 200, [{ number: 'one' }])).toMatch(/pulls 200: \/0/)
    expect(schemas.answer('GET /repos/{owner}/{repo}/pulls', 299, [])).toMatch(/no answer with status 299/)
    expect(schemas.answer('GET /app', 401, { message: 'Bad credentials' })).toBeUndefined()
    expect(schemas.delivery('pull-request-opened', { action: 'opened' })).toMatch(/pull-request-opened: \//)
    expect(schemas.delivery('issues-opened', {})).toMatch(/not among the deliveries/)
  })

  it('fail the test in which the twin breaks them', async () => {
    const world = await createGithubWorld()
    const { twin, repository, octokit, at } = world
    // A defect of the twin: GitHub has no repository without a name.
    Object.assign(repository, { createdAt: NaN })
    await octokit.repos.get(at).catch(() => undefined)
    repository.createdAt = 0
    Object.assign(repository.settings, { autoMerge: 'yes' })
    await octokit.repos.get(at)
    expect(twin.problems.join('\n')).toMatch(/GET \/repos\/\{owner\}\/\{repo\} 200: .*allow_auto_merge/)
    await expect(world.close()).rejects.toThrow(/problems of its own/)
  })

  it('are extracted only from an installation, which is asked for in words', () => {
    expect(() => extractSchemas('/nowhere')).toThrow(/npm install --prefix \/nowhere @octokit\/openapi@/)
  })

  it.runIf(process.env['SIGNALBOX_NIGHTLY'])('that are committed are those of the published packages', async () => {
    const from = await mkdtemp(join(tmpdir(), 'published-schemas-'))
    try {
      const names = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`)
      await run('npm', ['install', '--prefix', from, '--no-audit', '--no-fund', '--ignore-scripts', ...names], { maxBuffer: 1 << 26 })
      const { schemas, graphql } = extractSchemas(from)
      expect(schemas === (await readFile(join(folder, 'schemas.json'), 'utf8'))).toBe(true)
      expect(graphql).toBe(await readFile(join(folder, 'schema.graphql'), 'utf8'))
    } finally {
      await rm(from, { recursive: true, force: true })
    }
  })
})
