// An authorization server and an MCP server behind the gateway, both on free
// ports of the loopback. Prints where they are, and ends with its stdin.
import http from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

const listen = (server) => new Promise((resolve) => {
  server.listen(0, '127.0.0.1', () => resolve(server.address().port));
});

async function startAuthorizationServer() {
  const server = http.createServer();
  const issuer = `http://127.0.0.1:${await listen(server)}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: 'test', alg: 'RS256', use: 'sig' };
  const provider = new Provider(issuer, {
    jwks: { keys: [key] },
    cookies: { keys: ['not a secret'] },
    scopes: ['openid', 'tools:call'],
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'tools:call', audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  return issuer;
}

// One transport per request: the gateway is the test, not sessions.
async function startTools() {
  return listen(http.createServer(async (request, response) => {
    const server = new McpServer({ name: 'tools', version: '1.0.0' });
    server.registerTool('whoami', {}, async () => ({
      content: [{ type: 'text', text: request.headers['x-auth-subject'] ?? 'nobody' }],
    }));
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    response.on('close', () => { transport.close(); server.close(); });
    await server.connect(transport);
    await transport.handleRequest(request, response);
  }));
}

const [issuer, tools] = await Promise.all([startAuthorizationServer(), startTools()]);
console.log(JSON.stringify({ issuer, tools }));
process.stdin.resume().on('end', () => process.exit(0));
