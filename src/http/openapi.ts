import swagger, { type SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { PROTOCOL_VERSION } from '../protocol/version.ts';

const DESCRIPTION = `Stored ticks and bars of a Tickgate gateway. Live ticks come over the WebSocket endpoint /v1/live.

Where the gateway has a tokens file, every call needs one of its tokens with the role \`live\`, and shows only the
symbols of that token. Times are UTC with microseconds; prices are in the currency of the symbol, volumes in shares.
Answers carry an ETag: ask again with If-None-Match and an unchanged answer comes as 304.`;

/** Describes the routes that are added to `api` after this, from the schemas that check them; served at /openapi.json. */
export async function addOpenapi(api: FastifyInstance): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tickgate',
        version: `${PROTOCOL_VERSION}.0.0`,
        description: DESCRIPTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: withoutInputs,
  });
  api.get('/openapi.json', { schema: { hide: true }, config: { isPublic: true } }, (_request, reply) =>
    reply.header('Cache-Control', 'public, max-age=300').send(api.swagger()),
  );
}

/** Nothing is sent to the API but names in the address: of the named schemas only those of answers are of use. */
const withoutInputs: SwaggerTransformObject = (document) => {
  const described = jsonSchemaTransformObject(document);
  const schemas = 'components' in described ? (described.components?.schemas ?? {}) : {};
  for (const name of Object.keys(schemas)) if (name.endsWith('Input')) delete schemas[name];
  return described;
};
