// What a client of the gateway lives through, told on stdout as JSON: the
// official MCP client, which knows an address and nothing else, and requests
// with tokens that are not good enough.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [address, issuer] = process.argv.slice(2);
const redirect = 'http://127.0.0.1:9/callback'; // never opened: the code is taken from the redirection

// recorder is a fetch that keeps what was asked and answered.
function recorder(exchanges) {
  return async (url, init) => {
    const response = await fetch(url, init);
    exchanges.push({
      method: init?.method ?? 'GET', url: String(url), status: response.status,
      challenge: response.headers.get('www-authenticate') ?? '',
    });
    return response;
  };
}

// Memory is an OAuthClientProvider of one user.
class Memory {
  constructor(tokens) { this.stored = tokens; }
  get redirectUrl() { return redirect; }
  get clientMetadata() {
    return {
      client_name: 'test', redirect_uris: [redirect], token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'], response_types: ['code'],
    };
  }
  clientInformation() { return this.information; }
  saveClientInformation(information) { this.information = information; }
  tokens() { return this.stored; }
  saveTokens(tokens) { this.stored = tokens; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  redirectToAuthorization(url) { this.authorization = url; }
}

// browse is a user's browser: it signs in as alice, consents, and returns the
// code of the last redirection.
async function browse(url) {
  const cookies = new Map();
  let form;
  for (let step = 0; step < 20; step++) {
    const response = await fetch(url, {
      redirect: 'manual', method: form ? 'POST' : 'GET', body: form,
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    form = undefined;
    const location = response.headers.get('location');
    if (location?.startsWith(redirect)) {
      const code = new URL(location).searchParams.get('code');
      if (!code) throw new Error(`no code in ${location}`);
      return code;
    }
    if (location) {
      url = new URL(location, url);
      continue;
    }
    const page = await response.text();
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    if (!prompt) throw new Error(`${response.status} from ${url}: ${page}`);
    url = new URL(/action="([^"]+)"/.exec(page)[1], url);
    form = new URLSearchParams({ prompt, login: 'alice', password: 'not a password' });
  }
  throw new Error('the redirections never end');
}

// talk connects, authorizes where it is asked to, and calls the tool.
async function talk(tokens) {
  const exchanges = [];
  const memory = new Memory(tokens);
  const open = () => new StreamableHTTPClientTransport(new URL(address), { authProvider: memory, fetch: recorder(exchanges) });
  let client = new Client({ name: 'test', version: '1.0.0' });
  let transport = open();
  try {
    await client.connect(transport);
    throw new Error('connected without authorization');
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  await transport.finishAuth(await browse(memory.authorization));
  client = new Client({ name: 'test', version: '1.0.0' });
  transport = open();
  await client.connect(transport);
  const { content } = await client.callTool({ name: 'whoami', arguments: {} });
  await client.close();
  return { exchanges, answer: content[0].text, scope: memory.authorization.searchParams.get('scope') };
}

async function json(response) {
  const body = await response.text();
  if (!response.ok) throw new Error(`${response.status} from ${response.url}: ${body}`);
  return JSON.parse(body);
}

// machine is a token for a client of its own, as the parameters ask for it.
async function machine(parameters) {
  const { client_id, client_secret } = await json(await fetch(`${issuer}/reg`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: 'tools:call' }),
  }));
  return json(await fetch(`${issuer}/token`, {
    method: 'POST', headers: { authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...parameters }),
  }));
}

async function call(tokens) {
  const response = await fetch(address, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } }),
  });
  return { status: response.status, challenge: response.headers.get('www-authenticate') ?? '', body: await response.text() };
}

const narrow = await machine({ resource: address });
console.log(JSON.stringify({
  discovery: await talk(undefined),
  stepUp: await talk(narrow),
  good: await call(await machine({ resource: address, scope: 'tools:call' })),
  withoutScope: await call(narrow),
  otherAudience: await call(await machine({ resource: 'https://other.example/mcp', scope: 'tools:call' })),
  opaque: await call(await machine({})),
}));
