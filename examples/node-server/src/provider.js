// The WhatsApp provider: Evolution API v2, as far as sending goes (contract, section 5, "Out").

const PATIENCE_MS = 8_000;

export class ProviderError extends Error {}

export class Provider {
  #url;
  #key;

  constructor(settings) {
    this.#url = settings.evolutionUrl;
    this.#key = settings.evolutionKey;
  }

  // Returns {keyId, second} once WhatsApp has the message; throws a ProviderError.
  async send(instance, remoteJid, { type, content, attachment }) {
    const number = remoteJid.replace(/@s\.whatsapp\.net$/, "");
    const call = attachment ? "sendMedia" : "sendText";
    const body = attachment
      ? { number, ...media(type, content, attachment) }
      : { number, text: content };
    const answer = await this.#post(`/message/${call}/${encodeURIComponent(instance)}`, body);
    if (typeof answer?.key?.id !== "string") throw new ProviderError("an answer without a key id");
    return { keyId: answer.key.id, second: answer.messageTimestamp };
  }

  async #post(path, body) {
    try {
      const response = await fetch(this.#url + path, {
        method: "POST",
        headers: { apikey: this.#key, "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      if (!response.ok) throw new ProviderError(`the provider answered ${response.status}`);
      return await response.json();
    } catch (error) {
      if (error instanceof ProviderError) throw error;
      throw new ProviderError("the provider cannot be reached");
    }
  }
}

function media(type, caption, { url, metadata }) {
  return {
    mediatype: type === "file" ? "document" : type,
    media: url,
    caption,
    mimetype: metadata?.mimeType,
    fileName: metadata?.filename,
  };
}
