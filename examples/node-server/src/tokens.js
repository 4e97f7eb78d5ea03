// Who somebody is: JSON Web Tokens, HS256 and nothing else (contract, section 3).

import { createHmac, timingSafeEqual } from "node:crypto";
import { Refusal } from "./errors.js";

const WORKSPACE = ["workspace_id", "workspaceId", "workspace"];
const USER = ["sub", "user_id", "userId"];

// Returns {workspaceId, userId, sender}; `sender` tells agents apart also where no token names them.
export function verify(token, settings, anonymous) {
  const claims = verifiedClaims(token, settings);
  const workspaceId = first(claims, WORKSPACE);
  if (!workspaceId) throw new Refusal(403, "token without a workspace", "forbidden");
  const userId = first(claims, USER);
  return { workspaceId, userId: userId ?? "me", sender: userId ?? anonymous };
}

function verifiedClaims(token, { secret, issuer, audience }) {
  const [header, payload, signature, ...more] = typeof token === "string" ? token.split(".") : [];
  if (!signature || more.length) throw unauthorized("no token, or a malformed one");
  if (decode(header).alg !== "HS256") throw unauthorized("another algorithm than HS256");
  const due = createHmac("sha256", secret).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== due.length || !timingSafeEqual(given, due)) {
    throw unauthorized("wrong signature");
  }
  const claims = decode(payload);
  const now = Date.now() / 1000;
  if (!(claims.exp > now)) throw unauthorized("token expired");
  if (claims.nbf !== undefined && !(claims.nbf <= now)) throw unauthorized("token not yet valid");
  if (issuer && claims.iss !== issuer) throw unauthorized("token of another issuer");
  if (audience && ![claims.aud].flat().includes(audience)) {
    throw unauthorized("token for another audience");
  }
  return claims;
}

function decode(part) {
  try {
    return Object(JSON.parse(Buffer.from(part, "base64url").toString()));
  } catch {
    throw unauthorized("malformed token");
  }
}

function first(claims, names) {
  const found = names.map((name) => claims[name]).find((value) => typeof value === "string" && value);
  return found;
}

function unauthorized(message) {
  return new Refusal(401, message, "unauthorized");
}
