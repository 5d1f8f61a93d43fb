// Another implementation's client (oauth4webapi) and JOSE (panva/jose) against our issuer.
// environment: ISSUER CLIENT_ID CLIENT_SECRET AUDIENCE REFRESH_TOKEN AUDIENCE_KEY (PEM file). Prints one line for each step.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, AUDIENCE, REFRESH_TOKEN, AUDIENCE_KEY } = process.env;
const loopback = { [oauth.allowInsecureRequests]: true };
const client = { client_id: CLIENT_ID };
const auth = oauth.ClientSecretBasic(CLIENT_SECRET);
const issuer = new URL(ISSUER);
const expect = (holds, what) => {
  if (!holds) throw new Error(what);
  console.log('ok', what);
};

const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...loopback });
const as = await oauth.processDiscoveryResponse(issuer, found);
expect(as.token_endpoint && as.jwks_uri, 'RFC 8414 metadata');

const asked = await oauth.clientCredentialsGrantRequest(as, client, auth, { resource: AUDIENCE }, loopback);
const granted = await oauth.processClientCredentialsResponse(as, client, asked);
expect(granted.expires_in <= 900 && !granted.refresh_token, 'RFC 6749 section 4.4 grant');

const key = createPrivateKey(readFileSync(AUDIENCE_KEY));
const opened = await jose.compactDecrypt(granted.access_token, key, {
  keyManagementAlgorithms: ['RSA-OAEP'],
  contentEncryptionAlgorithms: ['A256CBC-HS512'],
});
expect(opened.protectedHeader.cty === 'JWT', 'RFC 7519 section 5.2 nested token');
const jwks = jose.createRemoteJWKSet(new URL(as.jwks_uri));
const { payload } = await jose.jwtVerify(new TextDecoder().decode(opened.plaintext), jwks, {
  algorithms: ['RS256'],
  typ: 'at+jwt',
  issuer: ISSUER,
  audience: AUDIENCE,
  requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
});
expect(payload.exp - payload.iat <= 900, 'RFC 9068 section 2.2 claims');

const introspect = async (token) =>
  oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token, loopback));
expect((await introspect(granted.access_token)).active, 'RFC 7662 active');
const revoked = await oauth.revocationRequest(as, client, auth, granted.access_token, loopback);
await oauth.processRevocationResponse(revoked);
expect(!(await introspect(granted.access_token)).active, 'RFC 7009 revoked');

const renew = async (token) =>
  oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, token, loopback));
const second = await renew(REFRESH_TOKEN);
const third = await renew(second.refresh_token);
let refused;
try {
  await renew(REFRESH_TOKEN);
} catch (error) {
  refused = error.error;
}
expect(refused === 'invalid_grant', 'RFC 9700 section 4.14.2 reuse refused');
expect(!(await introspect(third.access_token)).active, 'RFC 9700 section 4.14.2 family dead');
