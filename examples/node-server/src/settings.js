// Settings from the environment; what cannot be used ends the process with one sentence.

export function readSettings(env) {
  try {
    return {
      host: env.HOST || "127.0.0.1",
      port: whole(env, "PORT", 0),
      secret: required(env, "CHATENGINE_JWT_SECRET"),
      issuer: env.CHATENGINE_JWT_ISSUER || null,
      audience: env.CHATENGINE_JWT_AUDIENCE || null,
      instances: readInstances(env),
      evolutionUrl: (env.EVOLUTION_API_URL || "").replace(/\/$/, ""),
      evolutionKey: env.EVOLUTION_API_KEY || "",
      origins: (env.CORS_ALLOWED_ORIGINS || "").split(",").filter(Boolean),
      pingInterval: whole(env, "PING_INTERVAL", 25_000),
      pingTimeout: whole(env, "PING_TIMEOUT", 20_000),
      maxPayload: whole(env, "MAX_PAYLOAD", 1_000_000),
      toWorkspace: env.MESSAGE_SCOPE === "workspace",
    };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

// By name: {workspaceId, whatsappNumberId?}.
function readInstances(env) {
  const text = required(env, "INSTANCES");
  try {
    return new Map(Object.entries(JSON.parse(text)));
  } catch {
    throw new Error("INSTANCES is not JSON");
  }
}

function required(env, name) {
  if (!env[name]) throw new Error(`${name} is not set`);
  return env[name];
}

function whole(env, name, otherwise) {
  if (!env[name]) return otherwise;
  if (!/^\d{1,9}$/.test(env[name])) throw new Error(`${name} is not a whole number`);
  return Number(env[name]);
}
