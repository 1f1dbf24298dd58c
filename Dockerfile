# One image for the API, the worker, the migrations and esimctl.

FROM python:3.11-slim AS packages
COPY requirements.lock .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements.lock

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
COPY --from=packages /venv /venv
WORKDIR /app
COPY alembic.ini settings.py worker.py ./
COPY domain domain
COPY providers providers
COPY db db
COPY activities activities
COPY workflows workflows
COPY operations operations
COPY api api
COPY telemetry telemetry
COPY cli cli
RUN python -m compileall -q /app \
    && printf '#!/bin/sh\nexec python -m cli "$@"\n' > /venv/bin/esimctl \
    && chmod 755 /venv/bin/esimctl
# Owns nothing: the program cannot change itself.
USER 10001:10001
CMD ["python", "worker.py"]
