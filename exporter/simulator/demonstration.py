"""A small organisation in accelerated time: one job of each kind that an operator meets in a quarter of an hour."""

from dataclasses import dataclass

from exporter.simulator.crm import Phase, SimulatedJob, State
from exporter.simulator.faults import Endpoint, Fault, FaultKind
from exporter.simulator.scenario import MODULES, Scenario


@dataclass(frozen=True, slots=True)
class DemoJob:
    """A job of the demonstration as a user would register it. `phases` is empty for a job that Zoho does not know."""

    module: str
    job_id: str
    name: str
    group: str
    total: int = 0
    phases: tuple[Phase, ...] = ()


CUSTOM_MODULE = "Service_Contracts"

UNKNOWN_JOB = DemoJob("Campaigns", "3524033000006027009", "Mistyped job id", "operator-errors")
"""An id that is simply not in the organisation."""

REFUSED_JOB = DemoJob(
    "Vendors",
    "3524033000006027010",
    "Vendor terms (scope missing)",
    "operator-errors",
    total=800,
    phases=(Phase(State.RUNNING, None, updated=120),),
)
"""A job that the client's scopes do not cover."""

DEMO_FLEET: tuple[DemoJob, ...] = (
    DemoJob(
        "Leads",
        "3524033000006027001",
        "Re-assign spring leads",
        "spring-campaign",
        total=50_000,
        phases=(
            Phase(State.SCHEDULED, 5),
            Phase(State.RUNNING, 90, updated=49_640, failed=360),
            Phase(State.COMPLETED, None),
        ),
    ),
    DemoJob(
        "Deals",
        "3524033000006027002",
        "Close stale deals",
        "quarter-end",
        total=12_000,
        phases=(
            Phase(State.SCHEDULED, 10),
            Phase(State.RUNNING, 60, updated=5_800, failed=200),
            Phase(State.FAILED, None),
        ),
    ),
    DemoJob(
        "Contacts",
        "3524033000006027003",
        "Set mailing consent",
        "spring-campaign",
        total=20_000,
        phases=(Phase(State.RUNNING, 20, updated=7_350, failed=12), Phase(State.RUNNING, None)),
    ),
    DemoJob(
        "Accounts",
        "3524033000006027004",
        "New territories",
        "quarter-end",
        total=4_500,
        phases=(Phase(State.SCHEDULED, None),),
    ),
    DemoJob(
        "Products",
        "3524033000006027005",
        "Price list 2027",
        "price-change",
        total=9_000,
        phases=(
            Phase(State.QUEUED, 120),
            Phase(State.RUNNING, 300, updated=8_990, failed=10),
            Phase(State.COMPLETED, None),
        ),
    ),
    DemoJob(
        "Quotes",
        "3524033000006027006",
        "Extend open quotes",
        "price-change",
        total=3_000,
        phases=(Phase(State.RUNNING, 15, updated=1_100), Phase(State.SUSPENDED, None)),
    ),
    DemoJob(
        CUSTOM_MODULE,
        "3524033000006027007",
        "Archive expired contracts",
        "housekeeping",
        total=650,
        phases=(Phase("ARCHIVED", None, updated=650),),
    ),
    DemoJob(
        "Invoices",
        "3524033000006027008",
        "Mark paid invoices",
        "housekeeping",
        total=15_200,
        phases=(Phase(State.COMPLETED, None, updated=15_200),),
    ),
    UNKNOWN_JOB,
    REFUSED_JOB,
)
"""Every job that the demonstration registers, the unknown and the refused one included."""

SCOPE_REFUSAL = Fault(
    FaultKind.ERROR,
    endpoint=Endpoint.STATUS,
    module=REFUSED_JOB.module,
    job_id=REFUSED_JOB.job_id,
    code="OAUTH_SCOPE_MISMATCH",
)


def demo_scenario(*, speed: float = 1.0) -> Scenario:
    """Give the demonstration's organisation; jobs age `speed` times as fast as the clock."""
    jobs = tuple(SimulatedJob(job.module, job.job_id, job.total, job.phases) for job in DEMO_FLEET if job.phases)
    return Scenario(
        jobs=jobs,
        modules=MODULES | {CUSTOM_MODULE},
        speed=speed,
        faults=(SCOPE_REFUSAL,),
        daily_credits=1_000_000,  # polls are accelerated too
    )
