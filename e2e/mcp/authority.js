// An authorization server with opaque tokens, introspection and revocation, on
// a free port of the loopback. The argument is the public key, as a JWK, of the
// client that authenticates by one. Prints where it is, and ends with its stdin.
import http from 'node:http';
import Provider from 'oidc-provider';

const server = http.createServer();
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const issuer = `http://127.0.0.1:${server.address().port}`;
const gate = { grant_types: [], redirect_uris: [], response_types: [] };
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'app', client_secret: 'fake-app-secret', scope: 'orders:read',
      grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    },
    { client_id: 'gate', client_secret: 'fake-gate-secret', ...gate },
    {
      client_id: 'gate-key', token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [JSON.parse(process.argv[2])] }, ...gate,
    },
  ],
  cookies: { keys: ['not a secret'] },
  scopes: ['openid', 'orders:read'],
  ttl: { ClientCredentials: 600 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({ scope: 'orders:read', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
    },
  },
});
server.on('request', provider.callback());
console.log(JSON.stringify({ issuer }));
process.stdin.resume().on('end', () => process.exit(0));
