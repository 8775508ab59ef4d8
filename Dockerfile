# One image for all: code server, web server, daemon, runs, and the command line. Built from the lock files alone.
#   docker build -t performance-warehouse .
#   docker run --rm -v "$PWD/landing:/data/landing" -v warehouse:/data/warehouse -v keys:/data/keys performance-warehouse perfwh run
FROM python:3.11-slim AS built
ENV PYTHONDONTWRITEBYTECODE=0 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/perfwh
WORKDIR /app
COPY requirements-production.lock ./
RUN /opt/perfwh/bin/pip install --no-deps --require-hashes -r requirements-production.lock
COPY . .
RUN /opt/perfwh/bin/pip install --no-deps --no-build-isolation --editable . \
    && PERFWH_PSEUDONYM_KEY=none PERFWH_LANDING=/data/landing PERFWH_WAREHOUSE=/data/warehouse \
       /opt/perfwh/bin/python -c "from pipelines.models import parsed_project; parsed_project()"

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home perfwh && install -d -o perfwh /data/landing /data/warehouse /data/keys /data/dagster
COPY --from=built /opt/perfwh /opt/perfwh
COPY --from=built --chown=perfwh /app /app
WORKDIR /app
USER perfwh
ENV PATH=/opt/perfwh/bin:$PATH \
    PERFWH_LANDING=/data/landing PERFWH_WAREHOUSE=/data/warehouse \
    PERFWH_PSEUDONYM_KEY_FILE=/data/keys/pseudonym.key PERFWH_TOMBSTONE_KEY_FILE=/data/keys/tombstone.key \
    DAGSTER_HOME=/data/dagster DAGSTER_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1
EXPOSE 4000
# The code server; web server and daemon are other commands of the same image (docs/production.md).
CMD ["dagster", "code-server", "start", "-h", "0.0.0.0", "-p", "4000", "-m", "pipelines.definitions"]
