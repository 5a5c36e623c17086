package queue

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// metrics are what Prometheus is told. A nil registerer is told nothing.
type metrics struct {
	to       prometheus.Registerer
	all      []prometheus.Collector
	verdicts *prometheus.CounterVec
	took     prometheus.Histogram
}

func newMetrics(s *room.Store, to prometheus.Registerer) (*metrics, error) {
	m := &metrics{to: to,
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "labs_verdicts_total",
			Help: "Submissions that this process has graded, by verdict."}, []string{"verdict"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "labs_grading_seconds",
			Help: "How long grading a submission took.", Buckets: prometheus.ExponentialBuckets(0.25, 2, 11)}),
	}
	m.all = []prometheus.Collector{m.verdicts, m.took, queueCollector{s}}
	if to == nil {
		return m, nil
	}
	for _, c := range m.all {
		if err := to.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// graded counts a verdict.
func (m *metrics) graded(v room.Verdict) {
	m.verdicts.WithLabelValues(string(v.Result.Verdict)).Inc()
	m.took.Observe(v.Done.Sub(v.Started).Seconds())
}

// close takes them back, so that another worker of this process can have them.
func (m *metrics) close() {
	if m.to == nil {
		return
	}
	for _, c := range m.all {
		m.to.Unregister(c)
	}
}

var (
	waitingDesc = prometheus.NewDesc("labs_submissions_waiting", "Submissions that wait for a grader.", nil, nil)
	gradingDesc = prometheus.NewDesc("labs_submissions_grading", "Submissions that are being graded.", nil, nil)
	oldestDesc  = prometheus.NewDesc("labs_submission_oldest_seconds", "How long the oldest submission has waited.", nil, nil)
)

// queueCollector reads the queue when it is asked.
type queueCollector struct{ store *room.Store }

func (queueCollector) Describe(to chan<- *prometheus.Desc) {
	to <- waitingDesc
	to <- gradingDesc
	to <- oldestDesc
}

func (c queueCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	waiting, grading, oldest, _, err := c.store.Queue(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(waitingDesc, err)
		return
	}
	age := 0.0
	if !oldest.IsZero() {
		age = time.Since(oldest).Seconds()
	}
	to <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(waiting))
	to <- prometheus.MustNewConstMetric(gradingDesc, prometheus.GaugeValue, float64(grading))
	to <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age)
}
