// The folders and variables with which each real agent works offline: against a model at `url`, with no telemetry, update check or account.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface AgentHome {
  /** The folder of its configuration and its conversations. */
  home: string
  /** All variables of the agent's process: it shares none with the person at the machine. */
  env: Record<string, string>
}

/** Nobody's: agents read and write dotfiles, and git wants to know who commits. */
function bare(folder: string): Record<string, string> {
  const [home, temporary] = [join(folder, 'home'), join(folder, 'tmp')]
  for (const path of [home, temporary]) mkdirSync(path, { recursive: true })
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: home,
    // Both leave sockets and folders there.
    TMPDIR: temporary,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.com',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.com',
    NO_COLOR: '1',
  }
}

export interface CodexSettings {
  /** Tries of a request that failed, and of a stream that was lost. Default 1: Codex itself would take 4 and 5, seconds apart. */
  retries?: number
  /** Default `danger-full-access`. */
  sandbox?: 'danger-full-access' | 'workspace-write' | 'read-only'
  /** Default `never`. */
  approvals?: 'never' | 'on-request' | 'untrusted'
  /** Default `fake-model`; a real slug brings the metadata that Codex has of it. */
  model?: string
  /** Further flags under `[features]`. */
  features?: Record<string, boolean>
  /** Lines before the first table. */
  more?: string
}

/**
 * Writes `config.toml` into `FOLDER/codex` and answers the variables for `codex` and `codex-acp`.
 * `url` ends in `/v1`; `key` selects the scenario where the url does not.
 */
export function codexHome(folder: string, url: string, key = 'test-key', settings: CodexSettings = {}): AgentHome {
  const { retries = 1, sandbox = 'danger-full-access', approvals = 'never', model = 'fake-model', features = {}, more = '' } = settings
  const home = join(folder, 'codex')
  mkdirSync(home, { recursive: true })
  // Each of these would reach for the network, or for what is on this machine.
  const flags = { plugins: false, remote_plugin: false, apps: false, shell_snapshot: false, memories: false, ...features }
  const config = [
    `model = ${JSON.stringify(model)}`,
    'model_provider = "test"',
    `approval_policy = "${approvals}"`,
    `sandbox_mode = "${sandbox}"`,
    'check_for_update_on_startup = false',
    'web_search = "disabled"',
    more,
    '[model_providers.test]',
    'name = "Test"',
    `base_url = ${JSON.stringify(url)}`,
    'env_key = "TEST_MODEL_KEY"',
    'wire_api = "responses"',
    `request_max_retries = ${retries}`,
    `stream_max_retries = ${retries}`,
    'stream_idle_timeout_ms = 60000',
    '[features]',
    ...Object.entries(flags).map(([name, on]) => `${name} = ${on}`),
    '[analytics]',
    'enabled = false',
    '[otel]',
    'exporter = "none"',
    '',
  ]
  writeFileSync(join(home, 'config.toml'), config.join('\n'))
  return { home, env: { ...bare(folder), CODEX_HOME: home, TEST_MODEL_KEY: key, RUST_LOG: 'off' } }
}

export interface ClaudeSettings {
  /** Tries of a request that failed; Claude itself would take 10, up to half a minute apart. Default 0. */
  retries?: number
  /** Default `claude-sonnet-4-5`. */
  model?: string
  /** A subscription's token instead of an API key: limits are then reported as those of a plan. */
  subscription?: boolean | undefined
}

/** The variables for `claude` and `claude-agent-acp`. `url` has no `/v1`; `key` selects the scenario where the url does not. */
export function claudeHome(folder: string, url: string, key = 'test-key', settings: ClaudeSettings = {}): AgentHome {
  const { retries = 0, model = 'claude-sonnet-4-5', subscription = false } = settings
  const home = join(folder, 'claude')
  mkdirSync(home, { recursive: true })
  // Somebody has been here before: at a terminal it would begin with a tour that needs the network.
  const seen = { hasCompletedOnboarding: true, theme: 'dark', customApiKeyResponses: { approved: [key.slice(-20)], rejected: [] } }
  writeFileSync(join(home, '.claude.json'), JSON.stringify(seen))
  return {
    home,
    env: {
      ...bare(folder),
      CLAUDE_CONFIG_DIR: home,
      ANTHROPIC_BASE_URL: url,
      [subscription ? 'CLAUDE_CODE_OAUTH_TOKEN' : 'ANTHROPIC_API_KEY']: key,
      ANTHROPIC_MODEL: model,
      CLAUDE_CODE_MAX_RETRIES: String(retries),
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      CLAUDE_CODE_DISABLE_TERMINAL_TITLE: '1',
      CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION: 'false',
      CLAUDE_CODE_TMPDIR: join(folder, 'tmp'),
      DISABLE_AUTOUPDATER: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
      // Root may not bypass permissions otherwise, nor start claude-agent-acp at all; tests in a container run as root.
      IS_SANDBOX: '1',
    },
  }
}
