import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';
import { AccessTokens } from '../http/access-tokens.ts';
import { isLoopbackName } from '../http/client-address.ts';
import { accessOptions } from '../http/tokens/access-settings.ts';
import type { Finding } from '../store/diagnose-store.ts';

const MAX_ROWS = 20;

/** Checks who would get in, by what a gateway itself does with these settings. Never throws: a failure is a finding. */
export async function diagnoseAccess(config: Config): Promise<readonly Finding[]> {
  try {
    using tokens = new AccessTokens(config.gatewayTokensFile, accessOptions(config));
    await tokens.settled();
    if (tokens.isOpen) return openFindings(config.gatewayHost);
    const findings = Object.entries(tokens.health).map(([name, { ok, detail }]): Finding => {
      if (!ok) return { name, state: 'fail', finding: detail, remedy: 'see Tokens in src/commands/README.md' };
      return { name, state: 'ok', finding: detail };
    });
    const refused = tokens.refused.slice(0, MAX_ROWS).map(({ line, name, reason }): Finding => ({
      name: 'tokens',
      state: 'warn',
      finding: `line ${line}${name === undefined ? '' : ` (${name})`} is refused: ${reason}`,
      remedy: 'mend the row in GATEWAY_TOKENS_FILE; tickgate token makes one',
    }));
    return [...findings, ...refused];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [{ name: 'tokens', state: 'fail', finding: error.message, remedy: error.remedy }];
  }
}

function openFindings(host: string): readonly Finding[] {
  if (isLoopbackName(host)) return [];
  return [
    {
      name: 'gateway',
      state: 'fail',
      finding: `GATEWAY_HOST is ${host} and nobody needs a token`,
      remedy: 'set GATEWAY_TOKENS_FILE or JWT_JWKS_URL, or GATEWAY_HOST=127.0.0.1',
    },
  ];
}
