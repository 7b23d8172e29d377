# Allant as a container: `docker build -t allant .`, then compose.yaml, or `docker run allant run --role all`.

# The wheel and what it needs, in an environment of their own: nothing of the build comes along.
FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/allant
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY bot bot
COPY handlers handlers
COPY content content
COPY schedules schedules
RUN /opt/allant/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/allant/bin/pip install --no-cache-dir --constraint constraints.txt "$(ls /wheels/allant-*.whl)[meaning,postgres,reports,slack,telegram]"

FROM python:3.12-slim
# Its number is fixed, so that a volume belongs to the same user after every upgrade.
RUN useradd --system --uid 10001 --home-dir /var/lib/allant --create-home allant
COPY --from=build /opt/allant /opt/allant
ENV PATH="/opt/allant/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    ALLANT_HOST=0.0.0.0 \
    ALLANT_PORT=8080
# .env, content/, schedules/ and, with SQLite, the database: as in any folder where `allant run` starts.
WORKDIR /var/lib/allant
VOLUME /var/lib/allant
USER allant
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:%s/health' % os.environ['ALLANT_PORT'], timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["allant"]
CMD ["run"]
