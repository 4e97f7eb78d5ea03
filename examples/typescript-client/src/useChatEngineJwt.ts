/** ChatEngine's token (contract, section 3). A browser asks its backend for one instead. */

import { createHmac } from 'node:crypto';

import type { TokenConfig } from './types.js';

/** Mint a token that is valid now; cheap, so every attempt gets its own (C-CONN-5). */
export function mintChatEngineJwt(
  { secret, ttlSeconds, claims }: TokenConfig,
  workspaceId: string,
  userId: string,
): string {
  const iat = Math.floor(Date.now() / 1000);
  const payload = {
    workspace_id: workspaceId,
    sub: userId,
    iat,
    exp: iat + Math.ceil(ttlSeconds),
    ...claims,
  };
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(payload)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
