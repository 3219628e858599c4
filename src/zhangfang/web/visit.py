"""One request of one person to one site: who they are, their language, and how a page is drawn for them."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.resources import files
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

import asyncpg
import structlog
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from zhangfang.approvals import ROLES, Person, held, operator
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock, in_china
from zhangfang.kernel.database import AWAY
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.web.export import AT_ONCE
from zhangfang.web.hiding import may, without
from zhangfang.web.money import money
from zhangfang.web.origin import ANYWHERE, Origin
from zhangfang.web.refusals import refusal
from zhangfang.web.tables import STATES, STEPS, SUBJECTS, note, subject, term
from zhangfang.web.words import LANGUAGES, Words

T = TypeVar("T")
log = structlog.get_logger()

UNREADABLE = AWAY
EVERY = held(ROLES)
_BODY_MAX = 16 * 1024


class Missing(ZhangfangError):
    """There is no such page, payment, account, merchant or day."""


class FormInvalid(ZhangfangError):
    """A form cannot be taken: too long, not readable, or not sent from one of our pages."""


@dataclass(slots=True, kw_only=True)
class Site:
    """What all requests of one site share. `package` holds the site's own templates, which win over the kit's."""

    pool: asyncpg.Pool
    clock: Clock
    package: str
    sandbox: bool
    version: str = field(init=False)
    key: bytes = field(repr=False)  # signs cookies and form tokens
    origin: Origin = ANYWHERE
    pages: Environment = field(init=False)
    making: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))  # of files

    def __post_init__(self) -> None:
        """Open the templates."""
        self.version = static_version()
        self.pages = environment(self.package)


S_co = TypeVar("S_co", bound=Site, covariant=True)


def environment(package: str) -> Environment:
    """Return the templates with the filters that every page uses; an undefined name is an error."""
    env = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(money=money, china=in_china)
    env.globals.update(
        states=STATES,
        step_words=STEPS,
        subjects=SUBJECTS,
        term=term,
        note=note,
        subject_name=subject,
        refusal=refusal,
    )
    return env


@dataclass(slots=True)
class Visit(Generic[S_co]):
    """A request, its site, and the operator (None before the log-in)."""

    request: Request
    site: S_co
    operator: str | None
    token: str = field(repr=False)
    rights: frozenset[str] = frozenset()
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict, repr=False)  # of a form: name and bytes

    @property
    def person(self) -> Person:
        """Return the operator as a person who acts: it comes from the session, never from a form."""
        assert self.operator is not None, "an act without a session"
        return operator(self.operator)

    @property
    def base(self) -> str:
        """Return the path under which the site is mounted, without a slash at its end."""
        return str(self.request.scope.get("root_path", "")).rstrip("/")

    @property
    def pool(self) -> asyncpg.Pool:
        """Return the database."""
        return self.site.pool

    @property
    def now(self) -> datetime:
        """Return the business's present moment."""
        return self.site.clock.now()

    @property
    def today(self) -> date:
        """Return the day in China."""
        return china_day(self.now)

    @property
    def words(self) -> Words:
        """Return the visitor's language: the cookie's, else the browser's, else English."""
        chosen = self.request.cookies.get("zf_lang", "")
        if chosen not in LANGUAGES:
            chosen = (
                "zh" if self.request.headers.get("accept-language", "").lower().startswith("zh") else "en"
            )
        return Words(chosen)

    @property
    def query(self) -> Mapping[str, str]:
        """Return the address's parameters, the last of each name."""
        return self.request.query_params

    def href(self, path: str, **query: Any) -> str:
        """Return an address inside the site; parameters that are None or empty are left out."""
        wanted = {name: value for name, value in query.items() if value not in (None, "", (), [])}
        return self.base + path + ("?" + urlencode(wanted, doseq=True) if wanted else "")

    def go(self, path: str) -> Response:
        """Return a redirect to a page of the site, which the browser then gets (303)."""
        return RedirectResponse(self.base + path, status_code=303)

    def set_cookie(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        """Set a cookie that no script reads and no other site sends."""
        secure = self.site.origin.secure(self.request)
        response.set_cookie(
            name, value, seconds, path=self.base or "/", secure=secure, httponly=True, samesite="strict"
        )

    async def form(self, upload: int = 0) -> dict[str, str]:
        """Return a form's fields; longer than 16 KiB or not URL-encoded UTF-8 is `FormInvalid`.

        A page that takes files says how long the form may be (`upload`, bytes); they are in `files` then.
        """
        if upload and self.request.headers.get("content-type", "").startswith("multipart/form-data"):
            return await self._parts(upload)
        body = b""
        try:
            async for chunk in self.request.stream():
                body += chunk
                if len(body) > _BODY_MAX:
                    raise FormInvalid(f"the form is longer than {_BODY_MAX} bytes")
            return dict(
                parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
            )
        except ClientDisconnect:
            raise FormInvalid("the browser went away") from None
        except ValueError as error:
            raise FormInvalid("the form is not URL-encoded UTF-8 of at most 50 fields") from error

    async def _parts(self, most: int) -> dict[str, str]:
        """Return the fields of a form with files, and keep the files; one that nobody chose has no name."""
        parser = MultiPartParser(
            self.request.headers, _bounded(self.request, most), max_files=5, max_fields=50
        )
        try:
            form = await parser.parse()
        except ClientDisconnect:
            raise FormInvalid("the browser went away") from None
        except (MultiPartException, UnicodeError) as error:
            raise FormInvalid(
                "the form is not multipart/form-data of at most 50 fields and 5 files"
            ) from error
        fields: dict[str, str] = {}
        for name, part in form.multi_items():
            if isinstance(part, str):
                fields[name] = part
            elif part.filename:
                self.files[name] = part.filename, await part.read()
        await form.close()
        return fields

    async def frame(self) -> dict[str, Any]:
        """Return what the frame of every page of the site needs from the database."""
        return {}

    async def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Draw a page with its frame."""
        return self.draw(template, status, **await self.frame() | values)

    def draw(self, template: str, status: int = 200, **values: Any) -> Response:
        """Draw a template as it is: a part of a page, or one whose frame needs no database."""
        words = self.words
        framed: dict[str, Any] = {"waiting": None, "seal": None, "here": ""}
        framed |= {
            "_": words,
            "visit": self,
            "base": self.base,
            "lang": words.lang,
            "now": self.now,
            "day": self.today,
            "business_day": settlement_day(self.now),
            "operator": self.operator,
            "sandbox": self.site.sandbox,
            "version": self.site.version,
            "request_id": self.request.state.request_id,
            "csrf": self.request.state.csrf,
        }
        return HTMLResponse(
            self._usable(self.site.pages.get_template(template).render(framed | values)), status
        )

    def may(self, method: str, path: str) -> bool:
        """Whether the visitor's roles allow a path of the site."""
        return may(self.request.app.routes, self.rights, method, path)

    def _usable(self, html: str) -> str:
        """Return a page without what its visitor may not use."""
        if self.operator is None or self.rights >= EVERY:
            return html
        return without(html, self.may, self.base, self.request.url.path.removeprefix(self.base))


async def _bounded(request: Request, most: int) -> AsyncGenerator[bytes, None]:
    """Yield a body as it arrives; longer than `most` bytes is `FormInvalid`."""
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > most:
            raise FormInvalid(f"the form is longer than {most} bytes")
        yield chunk


async def read(visit: "Visit[Site]", what: Awaitable[T]) -> T | None:
    """Return what was read, or None if the database did not answer: then only that part of the page shows a dash."""
    try:
        return await what
    except UNREADABLE as error:
        log.warning(
            "a sheet could not be read", request_id=visit.request.state.request_id, error=type(error).__name__
        )
        return None


async def gather(visit: "Visit[Site]", *several: Awaitable[Any]) -> list[Any]:
    """Read several things at once, each of them None if it could not be read."""
    return list(await asyncio.gather(*(read(visit, one) for one in several)))


def static_version() -> str:
    """Return a short digest of our own static files. It is in their addresses, so a new page never gets an old style."""
    folder = files(__package__) / "static"
    digest = hashlib.sha256()
    for name in ("zf.css", "zf.js", "charts.js"):
        digest.update(folder.joinpath(name).read_bytes())
    return digest.hexdigest()[:10]
