import { beforeEach, describe, expect, test } from "@odoo/hoot";
import { heatLevel } from "@clm/cockpit/cohort_map";
import { formatChange, formatDaysLeft, formatFigure } from "@clm/cockpit/figures";
import { sparkPaths } from "@clm/cockpit/sparkline";
import { waterfallBars } from "@clm/cockpit/waterfall";
import { makeMockEnv } from "@web/../tests/web_test_helpers";

describe.current.tags("headless");

const USD = 1;

beforeEach(makeMockEnv); // how numbers are written

test("a figure is written as its unit asks", () => {
    expect(formatFigure(1234.4, "count", USD)).toBe("1,234");
    expect(formatFigure(1.5, "number", USD)).toBe("1.5");
    expect(formatFigure(0.1543, "ratio", USD)).toBe("15.4%");
    expect(formatFigure(0.4, "ratio", USD)).toBe("40%");
    expect(formatFigure(1, "days", USD)).toBe("1 day");
    expect(formatFigure(7.25, "days", USD)).toBe("7.3 days");
    expect(formatFigure(41.6, "days", USD)).toBe("42 days");
    expect(formatFigure(-12, "score", USD)).toBe("-12");
});

test("money is short on a tile and exact in its title", () => {
    expect(formatFigure(12.5, "money", USD)).toBe("$\u00a012.50");
    expect(formatFigure(12345.67, "money", USD)).toBe("$\u00a012,346");
    expect(formatFigure(1234567.89, "money", USD)).toBe("$\u00a01.23M");
    expect(formatFigure(-2500000, "money", USD)).toBe("$\u00a0-2.50M");
    expect(formatFigure(1234567.89, "money", USD, { exact: true })).toBe("$\u00a01,234,567.89");
});

test("no value is n/a in every unit, and zero is zero", () => {
    for (const unit of ["count", "number", "money", "ratio", "days", "score"]) {
        expect(formatFigure(null, unit, USD)).toBe("n/a");
        expect(formatFigure(0, unit, USD)).toMatch(/^(\$\u00a0)?0/);
    }
});

test("a change has a sign, a deadline says whether it is past", () => {
    expect([0.5, -0.12, 0.025, 0, 9.99, 22052].map(formatChange)).toEqual(["+50%", "−12%", "+2.5%", "0%", "+999%", "> +999%"]);
    expect([-3, -1, 0, 1, 20].map(formatDaysLeft).map(String)).toEqual([
        "3 days late",
        "1 day late",
        "today",
        "in 1 day",
        "in 20 days",
    ]);
});

test("the trend has gaps where values are missing and dots between gaps", () => {
    const at = (value) => ({ value, goal: null });
    expect(sparkPaths([1, null, 3].map(at))).toEqual({
        value: "M3.0 29.0M117.0 3.0",
        goal: "",
        dots: "M3.0 29.0h0.01M117.0 3.0h0.01",
        last: "M117.0 3.0h0.01",
    });
    expect(sparkPaths([1, 3, null].map(at))).toEqual({ value: "M3.0 29.0L60.0 3.0", goal: "", dots: "", last: "" });
    expect(sparkPaths([2, 2].map(at)).value).toBe("M3.0 16.0L117.0 16.0"); // all the same: the middle
});

test("the goal shares the scale of the trend", () => {
    const { value, goal } = sparkPaths([
        { value: 0, goal: 4 },
        { value: 2, goal: 4 },
    ]);
    expect(value).toBe("M3.0 29.0L117.0 16.0");
    expect(goal).toBe("M3.0 3.0L117.0 3.0");
});

test("bars of the waterfall hang where the one before ended, below zero too", () => {
    const steps = [
        ["start", 100, true],
        ["new", 50, false],
        ["churn", -200, false],
        ["reactivation", 20, false],
        ["expansion", 0, false],
        ["end", -30, true],
    ].map(([key, value, isTotal]) => ({ key, value, is_total: isTotal }));
    expect(waterfallBars(steps)).toEqual([
        { range: [0, 100], tone: "total" },
        { range: [100, 150], tone: "up" },
        { range: [150, -50], tone: "down" },
        { range: [-50, -30], tone: "up" },
        { range: [-30, -30], tone: "same" },
        { range: [0, -30], tone: "total" },
    ]);
    expect(waterfallBars([])).toEqual([]);
});

test("shades of the cohort map go from none to the highest value", () => {
    expect([null, 0, 0.01, 0.25, 0.5, 1].map((value) => heatLevel(value, 0.5))).toEqual([0, 0, 1, 4, 8, 8]);
    expect(heatLevel(1, 0)).toBe(0); // no later month has bought anything
});
