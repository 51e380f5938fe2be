// A provider of OpenID Connect that is not ours: the certified library oidc-provider, with as
// little around it as it takes. It listens on 127.0.0.1 and says its issuer in one line of JSON.
//
//   node provider.mjs '{"port": 9000, "redirect_uris": ["..."], "people": {"ada": {...}}}'
//
// port           what to listen on; 0, which is the default, for any
// host           the name in the issuer: localhost, or 127.0.0.1
// client_id, client_secret, redirect_uris
//                the one client; by redirect URI it may come back to several places
// algorithm      what ID tokens are signed with: RS256, PS256, ES256 or EdDSA
// full_id_token  whether e-mail address and name stand in the ID token; else userinfo has them
// people         by subject: password, and the claims about them
// driven         take commands from standard input, one line of JSON each, and end with it

import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import { Provider, interactionPolicy } from "oidc-provider";

const LARGEST_FORM = 16_384;

console.info = console.error; // notices of the library; what we answer stands alone on stdout

const given = {
  port: 0,
  host: "localhost",
  algorithm: "RS256",
  full_id_token: false,
  people: {},
  driven: false,
  ...JSON.parse(process.argv[2] ?? "{}"),
};
const people = new Map(Object.entries(given.people));
const seen = { asked: {}, refused: [] };
const cookieKeys = [randomBytes(32).toString("base64url")];

let keys = [newKey()];
let provider;

function newKey() {
  const kinds = { ES256: ["ec", { namedCurve: "P-256" }], EdDSA: ["ed25519", {}] };
  const [type, options] = kinds[given.algorithm] ?? ["rsa", { modulusLength: 2048 }];
  const { privateKey } = generateKeyPairSync(type, options);
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig" };
}

/** The library takes its keys once; what it has given out is kept beside it and stays good. */
function openProvider(issuer) {
  const policy = interactionPolicy.base();
  policy.remove("consent"); // nobody here is asked what they let us know
  const opened = new Provider(issuer, {
    clients: [
      {
        client_id: given.client_id,
        client_secret: given.client_secret,
        redirect_uris: given.redirect_uris,
        grant_types: ["authorization_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_basic",
        id_token_signed_response_alg: given.algorithm,
      },
    ],
    jwks: { keys },
    cookies: { keys: cookieKeys },
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["name", "preferred_username"],
    },
    conformIdTokenClaims: !given.full_id_token,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { policy, url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount,
    loadExistingGrant,
  });
  opened.on("server_error", (ctx, error) => console.error(error));
  opened.on("grant.error", (ctx, error) => seen.refused.push(reasonOf(error)));
  return opened;
}

function reasonOf(error) {
  return error.cause?.message ?? error.error_detail ?? error.message;
}

function findAccount(ctx, sub) {
  const person = people.get(sub);
  if (person === undefined) return undefined;
  const { password, ...claims } = person;
  return { accountId: sub, claims: () => ({ sub, ...claims }) };
}

async function loadExistingGrant(ctx) {
  const { client, provider: asked, session } = ctx.oidc;
  const known = session.grantIdFor(client.clientId);
  const grant = known === undefined ? undefined : await asked.Grant.find(known);
  if (grant !== undefined) return grant;
  const made = new asked.Grant({ accountId: session.accountId, clientId: client.clientId });
  made.addOIDCScope("openid email profile");
  await made.save();
  return made;
}

function page(uid, message) {
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in at the provider</title></head><body>
<h1>Sign in at the provider</h1><p id="message">${message}</p>
<form method="post" action="/interaction/${uid}">
<label>Name <input name="login" autocomplete="off"></label>
<label>Password <input name="password" type="password" autocomplete="off"></label>
<button name="go" value="on">Sign in</button> <button name="go" value="back">Cancel</button>
</form></body></html>`;
}

async function formOf(request) {
  let text = "";
  for await (const part of request.setEncoding("utf8")) {
    text += part;
    if (text.length > LARGEST_FORM) throw new Error("a form of that size is none of ours");
  }
  return new URLSearchParams(text);
}

async function interact(request, response) {
  const { uid } = await provider.interactionDetails(request, response);
  const show = (status, message) => {
    response.writeHead(status, {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-store",
      "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    });
    response.end(page(uid, message));
  };
  if (request.method !== "POST") return show(200, "");
  const form = await formOf(request);
  if (form.get("go") === "back") {
    const error = { error: "access_denied", error_description: "Cancelled at the provider" };
    return provider.interactionFinished(request, response, error, {
      mergeWithLastSubmission: false,
    });
  }
  const sub = form.get("login");
  if (people.get(sub)?.password !== form.get("password")) return show(401, "That is not right.");
  return provider.interactionFinished(request, response, { login: { accountId: sub } });
}

function answer(request, response) {
  const { pathname } = new URL(request.url, "http://127.0.0.1");
  if (pathname === "/favicon.ico") return response.writeHead(204).end();
  if (!pathname.startsWith("/interaction/")) {
    seen.asked[pathname] = (seen.asked[pathname] ?? 0) + 1;
    return provider.callback()(request, response);
  }
  return interact(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(error.statusCode ?? 500);
    response.end();
  });
}

const commands = {
  /** Sign with another key from now on; `keep` publishes the old ones besides. */
  rotate({ keep }) {
    keys = keep ? [newKey(), ...keys] : [newKey()];
    provider = openProvider(provider.issuer);
    return { kid: keys[0].kid };
  },
  /** Add a person, or change what is said of one. */
  person({ sub, ...rest }) {
    people.set(sub, { ...people.get(sub), ...rest });
    return {};
  },
  /** Use up a code, as though somebody had been quicker. */
  async spend({ code }) {
    await (await provider.AuthorizationCode.find(code)).consume();
    return {};
  },
  /** What was asked for, by path, and what was refused at the token endpoint, since last time. */
  seen() {
    const { asked, refused } = seen;
    Object.assign(seen, { asked: {}, refused: [] });
    return { asked, refused };
  },
};

const server = createServer(answer);
server.listen(given.port, "127.0.0.1", () => {
  const issuer = `http://${given.host}:${server.address().port}`;
  provider = openProvider(issuer);
  console.log(JSON.stringify({ issuer }));
});

if (given.driven) {
  const lines = createInterface({ input: process.stdin });
  lines.on("close", () => process.exit(0));
  lines.on("line", async (line) => {
    const { command, ...rest } = JSON.parse(line);
    console.log(JSON.stringify(await commands[command](rest)));
  });
}
