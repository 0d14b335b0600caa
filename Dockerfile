# The gateway, the flush coordinator and every other command in one image: docker run tickgate <command>
FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Not `npm ci`: it refuses a lock file in which a registry left out packages for other platforms.
RUN npm install --no-save --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
COPY clients clients
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:22-slim
# A container's loopback cannot be reached from outside: the gateway listens on all addresses, and then demands
# a tokens file (GATEWAY_TOKENS_FILE, mounted as a secret or volume).
ENV NODE_ENV=production GATEWAY_HOST=0.0.0.0 GATEWAY_PORT=8080
WORKDIR /app
COPY LICENSE package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s --retries=3 CMD ["node", "dist/src/stack/check-health.js"]
ENTRYPOINT ["node", "dist/src/cli.js"]
CMD ["serve"]
