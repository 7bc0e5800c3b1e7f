const trend = (values, goal = null) => values.map((value, index) => ({ label: `2025-${index + 1}`, value, goal }));

/** An indicator as the server sends it; `vals` win. */
export function makeKpi(vals) {
    return {
        code: `kpi_${vals.id}`,
        name: `Indicator ${vals.id}`,
        unit: "count",
        direction: "up",
        value: 12,
        numerator: 12,
        denominator: null,
        low: null,
        high: null,
        goal: null,
        status: "none",
        attainment: null,
        change: null,
        trend: trend([8, 9, 12]),
        formula: "All of them",
        source: "Customers",
        variant: "",
        owner: "",
        can_open: true,
        parts: [{ key: "numerator", label: "Counted" }],
        ...vals,
    };
}

const KPIS = [
    makeKpi({ id: 1, name: "New contacts", goal: 10, status: "on", attainment: 1.2, change: 0.5, trend: trend([8, null, 12], 10) }),
    makeKpi({
        id: 2,
        name: "Win rate",
        unit: "ratio",
        value: 0.154,
        numerator: 2,
        denominator: 13,
        low: 0.043,
        high: 0.422,
        goal: 0.3,
        status: "few",
        attainment: 0.513,
        formula: "Won ÷ decided",
        variant: "by count",
        owner: "Mitchell Admin",
        parts: [
            { key: "numerator", label: "Won" },
            { key: "denominator", label: "Decided" },
        ],
    }),
    makeKpi({ id: 3, name: "MRR", unit: "money", value: 1234567.89, change: 0, status: "none" }),
    makeKpi({ id: 4, name: "Churn", unit: "ratio", direction: "down", value: 0.08, goal: 0.05, status: "off", attainment: 0.625, change: 0.6 }),
    makeKpi({ id: 5, name: "Time to convert", unit: "days", direction: "down", value: 7.25, change: -0.04 }),
    makeKpi({ id: 6, name: "NPS", unit: "score", value: null, numerator: null, status: "na", trend: trend([null, null, null]) }),
    makeKpi({ id: 7, name: "Orders per customer", unit: "number", value: 1.5, can_open: false }),
];

/** The answer of `get_cockpit`; `vals` win. */
export function makePayload(vals = {}) {
    return {
        options: { period: "month", date: "2025-03-10", company_ids: [1, 2], team_id: null },
        period: { kind: "month", date_from: "2025-03-01", date_to: "2025-03-31", label: "March 2025", is_open: true, elapsed: 0.32 },
        kinds: [
            { key: "week", label: "Week" },
            { key: "month", label: "Month" },
        ],
        periods: [
            { date: "2025-03-01", label: "March 2025" },
            { date: "2025-02-01", label: "February 2025" },
            { date: "2025-01-01", label: "January 2025" },
        ],
        companies: [
            { id: 1, name: "North" },
            { id: 2, name: "South" },
        ],
        teams: [
            { id: 5, name: "Europe" },
            { id: 6, name: "America" },
        ],
        currency: { id: 1, name: "USD" },
        computed_at: "2025-03-10 02:00:00",
        progress: null,
        can_refresh: true,
        sections: [
            { key: "first", name: "First stages", kpis: KPIS.slice(0, 4) },
            { key: "second", name: "Later stages", kpis: KPIS.slice(4) },
            { key: "bare", name: "Nothing here", kpis: [] },
        ],
        funnel: {
            variants: [
                {
                    key: "strict",
                    label: "Strict",
                    help: "One stage after the other.",
                    stages: [
                        { id: 1, name: "Awareness", count: 40, rate: 0.5, cumulative: 1 },
                        { id: 2, name: "Acquisition", count: 20, rate: 0, cumulative: 0.5 },
                        { id: 3, name: "Conversion", count: 0, rate: null, cumulative: 0 },
                    ],
                },
                {
                    key: "any",
                    label: "Any stage",
                    help: "Whoever stood there.",
                    stages: [
                        { id: 1, name: "Awareness", count: 40, rate: 0.5, cumulative: 1 },
                        { id: 2, name: "Acquisition", count: 20, rate: 2.5, cumulative: 0.5 },
                        { id: 3, name: "Conversion", count: 50, rate: null, cumulative: 1.25 },
                    ],
                },
            ],
        },
        cohorts: {
            ages: [0, 1, 2],
            rows: [
                {
                    month: "2025-01-01",
                    label: "Jan 2025",
                    customers: 4,
                    cells: [
                        { age: 0, customers: 4, retention: 1, amount: 400, revenue: 1 },
                        { age: 1, customers: 2, retention: 0.5, amount: 600, revenue: 1.5 },
                        { age: 2, customers: 0, retention: 0, amount: 0, revenue: 0 },
                    ],
                },
                {
                    month: "2025-02-01",
                    label: "Feb 2025",
                    customers: 10,
                    cells: [
                        { age: 0, customers: 10, retention: 1, amount: 500, revenue: 1 },
                        { age: 1, customers: 1, retention: 0.1, amount: 50, revenue: 0.1 },
                    ],
                },
            ],
        },
        waterfall: {
            steps: [
                { key: "start", label: "Start", value: 1000, is_total: true },
                { key: "new", label: "New", value: 300, is_total: false },
                { key: "churn", label: "Churn", value: -450, is_total: false },
                { key: "end", label: "End", value: 850, is_total: true },
            ],
        },
        decisions: {
            count: 7,
            rows: [
                { id: 71, name: "C-71", partner: "Azure", date: "2025-03-07", days: -3, value: 1200 },
                { id: 72, name: "C-72", partner: "Gemini", date: "2025-03-11", days: 1, value: 300 },
            ],
        },
        risks: {
            count: 2,
            rows: [
                { id: 81, name: "Azure", reason: "Contract at high risk", value: 5000 },
                { id: 82, name: "Gemini", reason: "Lapses soon", value: null },
            ],
        },
        rotting: { rows: [{ id: 2, name: "Acquisition", count: 3, total: 20, days: 14 }] },
        ...vals,
    };
}
