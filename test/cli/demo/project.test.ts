import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { childEnvironment, runProcess } from '../../../src/actors/process.ts'
import { loadConfig } from '../../../src/config.ts'
import { placesIn, shellWord, writeConfiguration } from '../../../src/cli/demo/project.ts'
import type { DemoPlaces } from '../../../src/cli/demo/project.ts'

let places: DemoPlaces

beforeAll(async () => {
  places = placesIn(await mkdtemp(join(tmpdir(), "signalbox demo's ")))
})

afterAll(async () => {
  await rm(places.folder, { recursive: true, force: true })
})

describe("the demo's configuration", () => {
  it('is one that Signalbox reads, with everything inside the folder', async () => {
    const token = await writeConfiguration(places, { port: 4321, seed: 7 })
    const config = loadConfig({ file: places.config })
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 4321 })
    expect(config.server.operatorToken?.reveal()).toBe(token)
    expect(config.dataFolder).toBe(places.state)
    expect(config.projects).toMatchObject([{ id: 'demo', repo: places.project, baseBranch: 'main', review: { by: 'human' } }])
    expect(config.agents['scripted']).toMatchObject({ kind: 'command', command: expect.stringContaining('--seed 7') })
  })

  it('keeps the token from other users', async () => {
    await writeConfiguration(places, { port: 4321, seed: 7 })
    expect((await stat(places.token)).mode & 0o777).toBe(0o600)
    expect((await stat(places.state)).mode & 0o777).toBe(0o700)
    expect(await readFile(places.config, 'utf8')).not.toContain(await readFile(places.token, 'utf8'))
  })
})

describe('a word for the shell', () => {
  it.each(['/usr/bin/node', "it's", 'a b', '$HOME', 'grün', '`ls`', ''])('%j arrives as it is', async (word) => {
    const { stdout } = await runProcess({ command: `printf %s ${shellWord(word)}`, cwd: places.folder, env: childEnvironment() })
    expect(stdout).toBe(word)
  })
})
