"""Start the whole site on one machine: what the Procfile names, and Redis and the sandbox where needed."""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import shlex
import signal
import sys
import time
from typing import Any, TextIO

import redis
from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DatabaseError, connections
from honcho.environ import parse_procfile

from fluxsite import env
from fluxsite.accounts import demo
from fluxsite.ops import preflight, redis_server, static_files
from fluxsite.ops.processes import Processes

# Long enough for an append-only file of some hundred megabytes.
REDIS_START_SECONDS = 60
# Redis opens its socket before it reads its data, so this is ample.
REDIS_SOCKET_SECONDS = 2
# A follower hands over within two seconds. What a store job loses here, the next sweep does again.
STOP_SECONDS = 8


class Command(BaseCommand):
    help = "Starts the site with all its processes, and restarts what dies; Ctrl-C stops them."
    # The store workers run the checks, with the environment that they are given here.
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.host = env.text("HOST", "127.0.0.1")
        self.own_redis = not env.text("REDIS_URL")
        self.sandboxed = not settings.BFL_API_KEY
        self.signals: list[int] = []
        try:
            with self._checked() as claim:
                self._prepare()
                self._run(claim)
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    # Before

    def _checked(self) -> TextIO:
        preflight.check_data_dir(settings.DATA_DIR)
        claim = preflight.claim(settings.DATA_DIR)
        preflight.check_port(self.host, settings.PORT)
        for port in self._sandbox_ports():
            preflight.check_port("127.0.0.1", port)
        if self.own_redis:
            self._redis_command()
        return claim

    def _redis_command(self) -> list[str]:
        try:
            return redis_server.command_line(redis_server.find_binary(), settings.REDIS_SOCKET)
        except redis_server.RedisUnavailable as error:
            raise CommandError(str(error)) from None

    def _prepare(self) -> None:
        self._say("Preparing the database and the static files …")
        try:
            call_command("migrate", interactive=False, verbosity=0)
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {error}") from None
        static_files.collect_if_changed()
        connections.close_all()

    # During

    def _run(self, claim: TextIO) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, frame: self.signals.append(number))
        ground, site = Processes(settings.BASE_DIR), Processes(settings.BASE_DIR)
        with contextlib.ExitStack() as end:
            end.callback(self._say, "Stopped.")
            # Redis last: the others still write to it while they end.
            end.callback(ground.stop, STOP_SECONDS)
            end.callback(site.stop, STOP_SECONDS, is_urgent=lambda: len(self.signals) > 1)
            end.callback(self._say, "Stopping …")
            if self.own_redis:
                self._start_redis(ground, claim)
            if not self.signals:
                self._start_site(site, claim)
                preflight.record(claim, os.getpid(), ground.pids + site.pids)
            self._wait_for_site(ground, site)
            self._heal(ground, site, claim)

    def _start_redis(self, ground: Processes, claim: TextIO) -> None:
        command = self._redis_command()
        ground.start("redis", command, os.environ, keep_open=[claim.fileno()])
        preflight.record(claim, os.getpid(), ground.pids)
        client = redis.Redis(unix_socket_path=str(settings.REDIS_SOCKET))
        deadline = time.monotonic() + REDIS_START_SECONDS
        while not self.signals and not _answers(client):
            if ground.find_ended() or time.monotonic() > deadline:
                log = redis_server.log_file(settings.REDIS_SOCKET)
                raise CommandError(f"Redis did not start: {command[0]}. It says why in {log}.")
            time.sleep(0.05)

    def _start_site(self, site: Processes, claim: TextIO) -> None:
        environment = self._environment()
        commands = parse_procfile((settings.BASE_DIR / "Procfile").read_text()).processes
        if self.sandboxed:
            port, *clusters = self._sandbox_ports()
            options = " ".join(f"--cluster-port {cluster}" for cluster in clusters)
            # Its greeting shows the key, and how to do by hand what is done here.
            commands["sandbox"] = f"python manage.py sandbox --port {port} {options} > /dev/null"
        for name, command in commands.items():
            site.start(name, _as_one_process(command), environment, keep_open=[claim.fileno()])

    def _environment(self) -> dict[str, str]:
        ours = {"HOST": _bindable(self.host), "PORT": str(settings.PORT), "PYTHONUNBUFFERED": "1"}
        if self.sandboxed:
            addresses = [f"127.0.0.1:{port}" for port in self._sandbox_ports()]
            key = secrets.token_urlsafe(24)
            ours |= {
                "BFL_API_KEY": key,
                "SANDBOX_KEY": key,
                "BFL_API_BASE": f"http://{addresses[0]}",
                "BFL_EXTRA_HOSTS": ",".join(addresses),
                # Without it the sandbox would have nowhere to send its webhooks.
                "PUBLIC_URL": settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT}",
            }
        replaced = {f"{name}_FILE" for name in ours}
        return {name: os.environ[name] for name in os.environ if name not in replaced} | ours

    def _sandbox_ports(self) -> list[int]:
        return [settings.PORT + step for step in (1, 2, 3)] if self.sandboxed else []

    def _wait_for_site(self, ground: Processes, site: Processes) -> None:
        """Before the site has answered once, an end is a mistake in the set-up and not an accident."""
        while not self.signals:
            if ended := ground.find_ended() or site.find_ended():
                name, code = ended
                raise CommandError(f"{name} ended (exit code {code}), so everything was stopped.")
            if self._site_answers():
                self._announce()
                return
            time.sleep(0.1)

    def _heal(self, ground: Processes, site: Processes, claim: TextIO) -> None:
        recorded = ground.pids + site.pids
        while not self.signals:
            if self.own_redis:
                self._mend_redis(ground)
            for sentence in ground.heal() + site.heal():
                self._say(sentence)
            if (pids := ground.pids + site.pids) != recorded:
                preflight.record(claim, os.getpid(), pids)
                recorded = pids
            time.sleep(0.1)

    def _mend_redis(self, ground: Processes) -> None:
        """See that Redis has its folder. Without it Redis cannot start, and one that runs is out of reach."""
        if settings.REDIS_SOCKET.exists():
            return
        # Where the folder cannot be made, Redis ends and is tried again like anything else.
        with contextlib.suppress(CommandError):
            self._redis_command()
        if ground.running_seconds("redis") > REDIS_SOCKET_SECONDS:
            self._say("Redis has lost its folder.")
            ground.kill("redis")

    def _site_answers(self) -> bool:
        client = http.client.HTTPConnection(self._near_host(), settings.PORT, timeout=1)
        try:
            client.request("GET", "/healthz")
            client.getresponse()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            client.close()
        return True

    def _near_host(self) -> str:
        """Return where this machine reaches the web server: all addresses are no address."""
        host = self.host.strip("[]")
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- nothing is bound here

    def _announce(self) -> None:
        people = demo.create_people()
        connections.close_all()
        host = self._near_host()
        host = f"[{host}]" if ":" in host else host
        self._say(f"\nfluxsite is ready at {settings.PUBLIC_URL or f'http://{host}:{settings.PORT}'}/")
        for name, password in people:
            self._say(f"  log in as {name:<5} with the password {password}")
        if people:
            self._say("  These passwords are shown this once and kept nowhere.")
        if self.sandboxed:
            self._say(
                "Pictures come from the sandbox, which draws them itself; BFL_API_KEY brings real ones."
            )
        else:
            self._say(f"Pictures come from BFL at {settings.BFL_API_BASE}.")
        self._say("Ctrl-C stops the site.\n")

    def _say(self, line: str) -> None:
        # Nobody may be listening any more (`make run | head`), and the end must not fail on that.
        with contextlib.suppress(OSError):
            self.stdout.write(line)
            self.stdout.flush()


def _bindable(host: str) -> str:
    """Return the host as a server is told to listen there: IPv6 has its colons in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _as_one_process(command: str) -> str:
    """Return the command for the shell to become, instead of waiting for it: signals then reach it."""
    program, _, arguments = command.partition(" ")
    if program == "python":
        command = f"{shlex.quote(sys.executable)} {arguments}"
    return f"exec env {command}"
