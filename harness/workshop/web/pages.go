package web

import "net/http"

const queuePath = "/river/"

func (w *Web) pages(page func(string, access, int64, func(*visit) error) route) []route { return nil }

func (w *Web) failPage(v *visit, f *failure) { http.Error(v, f.said.Text, f.status) }
