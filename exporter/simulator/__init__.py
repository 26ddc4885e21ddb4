"""A faithful small Zoho CRM over real HTTP, for the demonstration and the tests. It imports nothing of the exporter."""

from exporter.simulator.accounting import Call, Stats
from exporter.simulator.crm import JobScript, OAuthError, Phase, SimulatedJob, State, Status, UnknownJob
from exporter.simulator.demonstration import DEMO_FLEET, REFUSED_JOB, UNKNOWN_JOB, DemoJob, demo_scenario
from exporter.simulator.faults import Endpoint, Fault, FaultKind, Stage, ThrottleShape
from exporter.simulator.scenario import MODULES, Scenario, ScenarioError, load_scenario
from exporter.simulator.server import Simulator

__all__ = [
    "DEMO_FLEET",
    "MODULES",
    "REFUSED_JOB",
    "UNKNOWN_JOB",
    "Call",
    "DemoJob",
    "Endpoint",
    "Fault",
    "FaultKind",
    "JobScript",
    "OAuthError",
    "Phase",
    "Scenario",
    "ScenarioError",
    "SimulatedJob",
    "Simulator",
    "Stage",
    "State",
    "Stats",
    "Status",
    "ThrottleShape",
    "UnknownJob",
    "demo_scenario",
    "load_scenario",
]
