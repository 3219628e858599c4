"""The operators' console as an application of its own, mounted at `/console` by the process that serves the API."""

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from zhangfang.console.pages import (
    books,
    channels,
    closing,
    duplicates,
    merchants,
    outcome,
    payment,
    payments,
    proposals,
    reconciliation,
    search,
    settlements,
    statements,
    today,
    trial,
    weekly,
)
from zhangfang.console.pages.breaks import acts, curing, listing, many, suspense
from zhangfang.console.pages.deciding import accounts, adjustments, fees, freezes, matching, register, reserve
from zhangfang.console.pages.files import listing as files
from zhangfang.console.pages.files import mapping
from zhangfang.console.pages.people import acts as record
from zhangfang.console.pages.people import operators
from zhangfang.console.seeing import exported, viewed
from zhangfang.console.uploads import MOST_BYTES
from zhangfang.console.visit import Console, Visit
from zhangfang.reconciliation import SIZE_MAX
from zhangfang.web.door import Door, Headers, check_routes
from zhangfang.web.login import routes
from zhangfang.web.methods import not_allowed
from zhangfang.web.origin import KnownHost
from zhangfang.web.visit import Missing

UPLOAD = MOST_BYTES + 64 * 1024  # a file, and the form around it


def console_app(site: Console) -> Starlette:
    """Return the console. Its pool is read (and a stop, a session or an act written); its actions reach other contexts."""
    door = Door(site, Visit)
    app = Starlette(
        routes=[
            Route("/", door.inside(today.page, "day")),
            Route("/figures", door.inside(today.figures_part, "day")),
            Route("/more", door.inside(today.more)),
            *(
                Route(f"/{section}", door.inside(payments.page, *payments.PAGED))
                for section in payments.SECTIONS
            ),
            Route("/{section:str}.{kind:str}", door.inside(exported(payments.take_away), *payments.FILTER)),
            Route("/unknown", door.inside(payments.unknown)),
            Route("/payments/{id}", door.inside(viewed(payment.page))),
            Route("/payments/{id}/peek", door.inside(payment.peek)),
            Route("/payments/{id}/evidence.json", door.inside(exported(payment.evidence))),
            Route("/payments/{id}/query", door.inside(payment.query_now), methods=["POST"]),
            Route("/payments/{id}/refund", door.inside(payment.refund_page, "amount"), methods=["GET"]),
            Route("/payments/{id}/refund", door.inside(payment.refund), methods=["POST"]),
            Route("/payments/{id}/outcome", door.inside(outcome.form), methods=["GET"]),
            Route("/payments/{id}/outcome", door.inside(outcome.propose), methods=["POST"]),
            Route("/files", door.inside(files.page)),
            Route("/files/look", door.inside(files.look, upload=UPLOAD), methods=["POST"]),
            Route("/files/take", door.inside(files.take, upload=UPLOAD), methods=["POST"]),
            Route("/files/statement", door.inside(files.statement, upload=UPLOAD), methods=["POST"]),
            Route("/files/new/{id}", door.inside(mapping.begin, "map", "kind", "draft"), methods=["GET"]),
            Route("/files/new/{id}", door.inside(mapping.act), methods=["POST"]),
            Route("/matching", door.inside(matching.page)),
            Route("/matching/rule", door.inside(matching.form, *matching.GIVEN), methods=["GET"]),
            Route("/matching/rule", door.inside(matching.propose), methods=["POST"]),
            Route("/proposals", door.inside(proposals.page, "all")),
            Route("/proposals/{id}", door.inside(proposals.one)),
            Route("/proposals/{id}/approve", door.inside(proposals.approve), methods=["POST"]),
            Route("/proposals/{id}/withdraw", door.inside(proposals.withdraw), methods=["POST"]),
            Route("/trial-balance", door.inside(trial.page, *trial.PARAMETERS)),
            Route("/trial-balance/export.xlsx", door.inside(exported(trial.as_xlsx), "date")),
            Route("/accounts/{id}", door.inside(books.account, "before")),
            Route("/accounts/{id}/export.{kind}", door.inside(exported(books.account_export))),
            Route("/vouchers/{id}", door.inside(books.voucher)),
            Route("/reconciliation", door.inside(reconciliation.newest)),
            Route("/reconciliation/{day}", door.inside(reconciliation.page)),
            Route("/reconciliation/{day}/{source}/{which}", door.inside(reconciliation.side, "skip")),
            Route("/breaks", door.inside(listing.page, *listing.PARAMETERS)),
            Route("/breaks/bulk", door.inside(many.form, *many.PARAMETERS), methods=["GET"]),
            Route("/breaks/bulk", door.inside(many.send, *listing.PARAMETERS), methods=["POST"]),
            Route("/breaks/bulk/{id}", door.inside(many.results)),
            Route("/breaks/suspense", door.inside(suspense.page)),
            Route("/breaks/{id}", door.inside(listing.one, *listing.PARAMETERS)),
            Route("/breaks/{id}/cure", door.inside(curing.form, "cure"), methods=["GET"]),
            Route("/breaks/{id}/cure", door.inside(curing.send), methods=["POST"]),
            Route("/breaks/{id}/papers/{paper}", door.inside(exported(acts.paper))),
            Route("/breaks/{id}/{act}", door.inside(acts.act, upload=SIZE_MAX + 64 * 1024), methods=["POST"]),
            Route("/certificates/{channel}/{day}", door.inside(closing.certificate, "version")),
            Route("/closing", door.inside(closing.newest)),
            Route("/closing/{month}", door.inside(closing.page)),
            Route("/closing/{month}/close", door.inside(closing.close), methods=["POST"]),
            Route("/closing/{month}/reopen", door.inside(closing.reopen), methods=["POST"]),
            Route("/duplicates", door.inside(duplicates.page, "all", "state")),
            Route("/duplicates/confirm", door.inside(duplicates.form_of_all), methods=["GET"]),
            Route("/duplicates/confirm", door.inside(duplicates.decide_all), methods=["POST"]),
            Route("/duplicates/{id}", door.inside(duplicates.one)),
            Route("/duplicates/{id}/{act}", door.inside(duplicates.form), methods=["GET"]),
            Route("/duplicates/{id}/{act}", door.inside(duplicates.decide), methods=["POST"]),
            Route("/adjustments", door.inside(adjustments.page), methods=["GET"]),
            Route("/adjustments", door.inside(adjustments.propose), methods=["POST"]),
            Route("/adjustments/new", door.inside(adjustments.form, *adjustments.GIVEN)),
            Route(
                "/adjustments/preview",
                door.inside(adjustments.preview, upload=adjustments.UPLOAD),
                methods=["POST"],
            ),
            Route("/adjustments/{id}", door.inside(adjustments.one), methods=["GET"]),
            Route("/adjustments/{id}/approve", door.inside(adjustments.approve), methods=["POST"]),
            Route("/adjustments/{id}/withdraw", door.inside(adjustments.withdraw), methods=["POST"]),
            Route("/adjustments/{id}/reverse", door.inside(adjustments.reverse), methods=["POST"]),
            Route("/evidence/{digest}", door.inside(exported(adjustments.evidence))),
            Route("/freezes", door.inside(freezes.page, "all"), methods=["GET"]),
            Route("/freezes", door.inside(freezes.freeze), methods=["POST"]),
            Route("/freezes/new", door.inside(freezes.form, *freezes.GIVEN)),
            Route("/freezes/{id}", door.inside(freezes.one), methods=["GET"]),
            Route("/freezes/{id}/thaw", door.inside(freezes.thaw), methods=["POST"]),
            Route("/reserve", door.inside(reserve.page, "date")),
            Route("/reserve/withdraw", door.inside(reserve.withdrawal_form), methods=["GET"]),
            Route("/reserve/withdraw", door.inside(reserve.withdraw), methods=["POST"]),
            Route("/reserve/account", door.inside(reserve.account_form), methods=["GET"]),
            Route("/reserve/account", door.inside(reserve.name_account), methods=["POST"]),
            Route("/register", door.inside(register.page, "all", "kind"), methods=["GET"]),
            Route("/register", door.inside(register.propose, upload=register.UPLOAD), methods=["POST"]),
            Route("/register/new", door.inside(register.form, "kind", "reference", *register.FIELDS)),
            Route("/register/{id}", door.inside(register.one), methods=["GET"]),
            Route(
                "/register/{id}/close", door.inside(register.close, upload=register.UPLOAD), methods=["POST"]
            ),
            Route("/channels", door.inside(channels.page)),
            Route("/channels/{channel}/{operation}/{act}", door.inside(channels.form), methods=["GET"]),
            Route("/channels/{channel}/{operation}/{act}", door.inside(channels.switch), methods=["POST"]),
            Route("/merchants", door.inside(merchants.page)),
            Route("/merchants/{id}", door.inside(merchants.one)),
            Route("/merchants/{id}/settlement", door.inside(settlements.page)),
            Route("/merchants/{id}/account", door.inside(accounts.form), methods=["GET"]),
            Route("/merchants/{id}/account", door.inside(accounts.propose), methods=["POST"]),
            Route("/merchants/{id}/settlement/advance", door.inside(settlements.advance), methods=["POST"]),
            Route("/merchants/{id}/fee", door.inside(fees.form, *fees.FIELDS), methods=["GET"]),
            Route("/merchants/{id}/fee", door.inside(fees.propose), methods=["POST"]),
            Route("/fees", door.inside(fees.month)),
            Route("/fees/{month}", door.inside(fees.month)),
            Route("/fee-bills/{id}", door.inside(fees.bill), methods=["GET"]),
            Route("/fee-bills/{id}", door.inside(fees.take), methods=["POST"]),
            Route(
                "/merchants/{id}/webhooks/{endpoint:uuid}/again",
                door.inside(merchants.tell_again),
                methods=["POST"],
            ),
            Route("/settlements/{id}", door.inside(settlements.one)),
            Route("/statements", door.inside(statements.page, "date", "after")),
            Route("/statements/{merchant}/{day}", door.inside(statements.one, "version")),
            Route(
                "/statements/{merchant}/{day}/{kind}.{form}",
                door.inside(exported(statements.file), "version"),
            ),
            Route("/operators", door.inside(operators.page)),
            Route("/operators/roles", door.inside(operators.form, "name"), methods=["GET"]),
            Route("/operators/roles", door.inside(operators.propose), methods=["POST"]),
            Route("/acts", door.inside(record.page, *record.PARAMETERS)),
            Route("/weekly", door.inside(weekly.page, "week")),
            Route("/weekly/{week}.pdf", door.inside(exported(weekly.as_pdf))),
            Route("/search", door.inside(search.page, "q")),
            *routes(door),
            Route("/{rest:path}", door.inside(_nowhere), methods=["GET", "POST"]),
        ]
    )
    check_routes(app.routes)
    app.add_middleware(KnownHost, hosts=site.origin.hosts)
    app.add_middleware(Headers)
    app.add_exception_handler(405, not_allowed)
    return app


async def _nowhere(visit: Visit) -> Response:
    raise Missing(visit.request.url.path)
