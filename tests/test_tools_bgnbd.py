"""The chance that a customer is still one, and purchases to expect, of ``tools.bgnbd``.

What is expected comes from published numbers, or from the model itself by adding up over all rates and probabilities.
"""

from itertools import pairwise
from math import exp, expm1, inf, lgamma, log, log1p, nan

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.bgnbd import (
    FARTHEST,
    Customer,
    Params,
    expected_purchases,
    hypergeometric,
    log1p_exp,
    log_likelihood,
    no_repeat,
    p_alive,
)

laws = settings(database=None, deadline=None)
few = settings(database=None, deadline=None, max_examples=20)
CDNOW = Params(0.243, 4.414, 0.793, 2.426)  # weeks
REGULAR = Customer(2, 30.43, 38.86)
OTHERS = (
    CDNOW, Params(2.5, 10, 0.6, 0.7), Params(0.5, 3, 0.4, 0.45), Params(1, 1, 1, 1), Params(6, 20, 3, 9),
    Params(1.5, 8, 1.00003, 2),
)
params_ = st.builds(Params, st.floats(0.05, 50), st.floats(0.5, 50), st.floats(0.05, 50), st.floats(0.05, 50))
shapes = st.floats(0.3, 8)
some_params = st.builds(Params, shapes, st.floats(0.5, 30), shapes, shapes)


@st.composite
def customers(draw, most=30):
    x = draw(st.integers(0, most))
    t_x = draw(st.floats(0, 100)) if x else 0.0
    return Customer(x, t_x, t_x + draw(st.floats(0, 100)))


def points(low, high, steps):
    """:return: (middle, width) of each step of a line"""
    width = (high - low) / steps
    return [(low + (number + 0.5) * width, width) for number in range(steps)]


def rates(params):
    """:return: (rate, probability) that stand for the gamma distribution"""
    r, alpha = params[:2]
    constant = r * log(alpha) - lgamma(r)
    logs = points(-25 / r - 8 - log(alpha), 5 - log(alpha), 400)
    return [(exp(at), width * exp(constant + r * at - alpha * exp(at))) for at, width in logs]


def chances(params):
    """:return: (probability to leave after a purchase, its probability) that stand for the beta distribution"""
    _r, _alpha, a, b = params
    constant = lgamma(a + b) - lgamma(a) - lgamma(b)
    odds = points(-30 / a, 30 / b, 400)
    return [
        (1 / (1 + exp(-at)), width * exp(constant - a * log1p(exp(-at)) - b * log1p(exp(at)))) for at, width in odds
    ]


def mean_of(function, distribution):
    return sum(weight * function(value) for value, weight in distribution)


def model(customer, params):
    """:return: likelihoods that the customer did this and is still there, and that it did this and has left"""
    x, t_x, t = customer
    there = mean_of(lambda p: (1 - p) ** x, chances(params)) * mean_of(
        lambda rate: rate**x * exp(-rate * t), rates(params))
    if not x:
        return there, 0.0
    return there, mean_of(lambda p: p * (1 - p) ** (x - 1), chances(params)) * mean_of(
        lambda rate: rate**x * exp(-rate * t_x), rates(params))


def model_purchases(horizon, customer, params):
    """:return: purchases to expect: of one who is there, (1 - e^(-rate * p * t)) / p"""
    x, _t_x, t = customer
    buys = [(rate, weight * rate**x * exp(-rate * t)) for rate, weight in rates(params)]
    stays = [(p, weight * (1 - p) ** x) for p, weight in chances(params) ]
    least = 1e-15 * max(weight for _rate, weight in buys)
    found = sum(
        one * other * -expm1(-rate * p * horizon) / p for rate, one in buys if one > least for p, other in stays
    )
    return found / sum(model(customer, params))


class TestPublished(BaseCase):
    def test_expected_purchases_of_the_published_example(self):
        self.assertAlmostEqual(expected_purchases(39, REGULAR, CDNOW), 1.226, delta=0.001)
        self.assertAlmostEqual(p_alive(REGULAR, CDNOW), 0.7266, 4)

    def test_no_repeat_of_the_published_example(self):
        self.assertAlmostEqual(no_repeat(39, CDNOW), 0.5737864, 6)


class TestModel(BaseCase):
    CUSTOMERS = (
        Customer(0, 0, 0), Customer(0, 0, 20), REGULAR, Customer(1, 0, 0), Customer(1, 2, 40), Customer(12, 36, 39),
    )

    def test_likelihood_and_p_alive_are_those_of_the_model(self):
        for params in OTHERS:
            for customer in self.CUSTOMERS:
                there, gone = model(customer, params)
                self.assertAlmostEqual(log_likelihood(customer, params), log(there + gone), 5, (customer, params))
                self.assertAlmostEqual(p_alive(customer, params), there / (there + gone), 6, (customer, params))

    def test_expected_purchases_are_those_of_the_model(self):
        for params, customer, horizon in zip(OTHERS, self.CUSTOMERS, (1, 39, 39, 10, 5, 200), strict=True):
            found, expected = expected_purchases(horizon, customer, params), model_purchases(horizon, customer, params)
            self.assertAlmostEqual(found / expected, 1, 5, (customer, params))

    @few
    @given(some_params, customers(most=8), st.floats(0.1, 60))
    def test_expected_purchases_of_any_customer_are_those_of_the_model(self, params, customer, horizon):
        found, expected = expected_purchases(horizon, customer, params), model_purchases(horizon, customer, params)
        self.assertAlmostEqual(found / expected, 1, 3)

    @few
    @given(some_params, st.floats(0, 500))
    def test_no_repeat_is_the_likelihood_of_who_did_nothing(self, params, t):
        self.assertAlmostEqual(no_repeat(t, params), exp(log_likelihood(Customer(0, 0, t), params)))


class TestAlive(BaseCase):
    def test_p_alive_when_never_bought_again_then_1(self):
        for t in (0, 1, 10_000):
            self.assertEqual(p_alive(Customer(0, 0, t), CDNOW), 1)

    def test_p_alive_when_the_numbers_are_extreme_then_0_to_1(self):
        self.assertEqual(p_alive(Customer(5_000, 1, 100_000), CDNOW), 0)
        self.assertGreater(p_alive(Customer(5_000, 100_000, 100_000), CDNOW), 0.999)

    @laws
    @given(customers(), params_, st.floats(0, 100))
    def test_p_alive_when_silent_for_longer_then_never_greater(self, customer, params, more):
        later = customer._replace(t=customer.t + more)
        self.assertGreaterEqual(p_alive(customer, params) + 1e-12, p_alive(later, params))

    @laws
    @given(customers(), params_, st.floats(1, 10))
    def test_p_alive_when_time_has_another_unit_then_the_same(self, customer, params, unit):
        other = Customer(customer.x, customer.t_x * unit, customer.t * unit)
        scaled = params._replace(alpha=params.alpha * unit)
        self.assertAlmostEqual(p_alive(customer, params), p_alive(other, scaled))

    def test_calls_when_the_input_cannot_be_then_refused(self):
        good = Customer(1, 2, 3)
        for customer in (
            Customer(-1, 0, 3), Customer(1, 4, 3), Customer(1, -1, 3), Customer(0, 1, 3), Customer(1, 2, inf),
            Customer(1, nan, 3),
        ):
            for call in (p_alive, log_likelihood, lambda *args: expected_purchases(1, *args)):
                with self.assertRaises(ValueError, msg=customer):
                    call(customer, CDNOW)
        for place in range(4):
            for wrong in (0, -1, inf, nan):
                params = Params(*(wrong if at == place else value for at, value in enumerate(CDNOW)))
                for call in (p_alive, log_likelihood, lambda *args: expected_purchases(1, *args)):
                    with self.assertRaises(ValueError, msg=params):
                        call(good, params)
                with self.assertRaises(ValueError, msg=params):
                    no_repeat(1, params)
        for wrong in (-1, inf, nan):
            with self.assertRaises(ValueError, msg=wrong):
                no_repeat(wrong, CDNOW)


class TestExpected(BaseCase):
    def test_expected_purchases_when_there_is_no_time_then_none(self):
        for params in OTHERS:
            self.assertEqual(expected_purchases(0, REGULAR, params), 0)

    def test_expected_purchases_when_a_passes_1_then_no_jump(self):
        steps = (0.999, 0.9998, 0.99990001, 0.99995, 1, 1.00005, 1.00009999, 1.0002, 1.001)
        found = [expected_purchases(39, REGULAR, CDNOW._replace(a=a)) for a in steps]
        for (one, other), (first, second) in zip(pairwise(found), pairwise(steps), strict=True):
            self.assertAlmostEqual((other - one) / (second - first), -0.547, 2, (first, second))

    def test_expected_purchases_when_too_far_ahead_then_refused(self):
        known = CDNOW.alpha + REGULAR.t
        self.assertGreater(expected_purchases(FARTHEST * known, REGULAR, CDNOW), 20)
        for wrong in (FARTHEST * known * 1.001, -1, inf, nan):
            with self.assertRaises(ValueError, msg=wrong):
                expected_purchases(wrong, REGULAR, CDNOW)

    @laws
    @given(customers(), params_, st.floats(0, 60), st.floats(0, 60))
    def test_expected_purchases_when_the_horizon_is_farther_then_never_fewer(self, customer, params, t, more):
        sooner, later = (expected_purchases(at, customer, params) for at in (t, t + more))
        self.assertLessEqual(sooner, later * (1 + 1e-8) + 1e-8)

    @laws
    @given(customers(), params_, st.floats(0, 60))
    def test_expected_purchases_are_no_more_than_without_leaving(self, customer, params, t):
        most = (params.r + customer.x) / (params.alpha + customer.t) * t * p_alive(customer, params)
        self.assertLessEqual(expected_purchases(t, customer, params), most * (1 + 1e-8) + 1e-8)


class TestHypergeometric(BaseCase):
    def test_hypergeometric_where_it_is_another_function(self):
        for z in (0.001, 0.3, 0.9, 0.999):
            for found, expected in (
                (hypergeometric(1, 1, 2, z), -2 * log1p(-z) / z),
                (hypergeometric(1.7, 0.4, 0.4, z), 0.4 * (1 - z) ** -1.7),
                (hypergeometric(1.5, 0.5, 0.5, z, power=1.5), 0.5),
                # c = 0 leaves a * b * z * 2F1(a + 1, b + 1; 2; z)
                (hypergeometric(0.5, 1, 0, z), 0.5 * z * (1 - z) ** -1.5),
            ):
                self.assertAlmostEqual(found / expected, 1, 10, z)

    def test_hypergeometric_when_c_passes_0_then_no_jump(self):
        below, at, above = (hypergeometric(0.5, 0.3, c, 0.8) for c in (-1e-6, 0, 1e-6))
        self.assertAlmostEqual(below, at, 5)
        self.assertAlmostEqual(above, at, 5)
        self.assertLess(below, above)

    def test_hypergeometric_when_its_factors_are_beyond_floats_then_their_product(self):
        self.assertAlmostEqual(hypergeometric(2000, 900, 900, 0.9, power=2000), 900, 6)

    def test_hypergeometric_when_z_is_0_then_c(self):
        self.assertEqual(hypergeometric(2, 3, 0.7, 0.0, power=5), 0.7)

    def test_hypergeometric_when_not_supported_then_refused(self):
        for arguments in ((0, 1, 1, 0.5), (1, -1, 1, 0.5), (1, 1, -1, 0.5), (1, 1, 1, 1), (1, 1, 1, -0.1)):
            with self.assertRaises(ValueError, msg=arguments):
                hypergeometric(*arguments)

    @laws
    @given(st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0.1, 20), st.floats(0, 0.95))
    def test_hypergeometric_when_the_first_two_change_places_then_the_same(self, a, b, c, z):
        self.assertAlmostEqual(hypergeometric(a, b, c, z) / hypergeometric(b, a, c, z), 1, 9)

    @laws
    @given(st.floats(0.1, 9), st.floats(0.1, 9), st.floats(0.1, 9), st.floats(0, 0.95))
    def test_hypergeometric_obeys_the_transformation_of_euler(self, a, b, more, z):
        c = a + b + more
        found, expected = hypergeometric(a, b, c, z), hypergeometric(c - a, c - b, c, z, power=more)
        self.assertAlmostEqual(found / expected, 1, 9)

    def test_log1p_exp_when_the_number_is_great_then_itself(self):
        for number, expected in ((1000, 1000), (-1000, 0), (0, log(2)), (1, log(1 + exp(1)))):
            self.assertAlmostEqual(log1p_exp(number), expected)
