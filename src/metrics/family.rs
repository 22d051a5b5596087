//! One metric with its samples, on its way to the text encoder.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use crate::store::WriteTimes;

/// A metric family.
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<Metric>,
}

impl Family {
    fn new(name: &'static str, help: &'static str, kind: MetricType) -> Family {
        Family {
            name,
            help,
            kind,
            samples: Vec::new(),
        }
    }

    /// Something that goes up and down.
    pub fn gauge(name: &'static str, help: &'static str) -> Family {
        Family::new(name, help, MetricType::GAUGE)
    }

    /// Something that only grows, from the start of the process.
    pub fn counter(name: &'static str, help: &'static str) -> Family {
        Family::new(name, help, MetricType::COUNTER)
    }

    /// How long writes took.
    pub fn histogram(name: &'static str, help: &'static str, times: &WriteTimes) -> Family {
        let mut family = Family::new(name, help, MetricType::HISTOGRAM);
        let buckets = times.buckets.iter().map(|(end, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(end.as_secs_f64());
            bucket.set_cumulative_count(*count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(times.count);
        histogram.set_sample_sum(times.sum.as_secs_f64());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        family.samples.push(metric);
        family
    }

    /// One sample.
    pub fn put(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut metric = Metric::default();
        let labels = labels.iter().map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        metric.set_label(labels.collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.samples.push(metric);
    }

    /// For the encoder; nothing where there is no sample, as of a host that guards no cluster.
    pub fn finish(self) -> Option<MetricFamily> {
        if self.samples.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(self.samples);
        Some(family)
    }
}

/// Counts stand as floating point numbers in the format; above 2^53 the last digits go.
#[expect(
    clippy::cast_precision_loss,
    reason = "the format has no other numbers"
)]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
